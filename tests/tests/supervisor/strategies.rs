//! Validation strategies, and the modules that they and contracts ask.

use super::support::*;

#[test]
fn numeric_answers_may_differ_within_their_tolerance() {
    let world = World::new(|machine| match part(machine)? {
        (0, ..) => {
            let numeric = map([("abs", 2.into()), ("rel_ppm", 10_000.into())]);
            let request = map([("data", bytes(b"100")), ("strategy", map([("Numeric", numeric)]))]);
            machine.request("RunNondetWith", request)?.unwrap();
            Ok(())
        }
        _ => machine.end_with("Return", map([("price", 100.into()), ("unit", "usd".into())])),
    });
    let leader = |price: i64, unit: &str| {
        let value = map([("price", price.into()), ("unit", unit.into())]);
        Role::Validator { results: vec![returned(value)] }
    };
    let agrees = |role| matches!(world.run(role).outcome, Outcome::Return(_));
    assert!(agrees(leader(100, "usd")) && agrees(leader(98, "usd")) && agrees(leader(102, "usd")));
    assert!(!agrees(leader(97, "usd")) && !agrees(leader(103, "usd")) && !agrees(leader(100, "eur")));
    let error = Role::Validator { results: vec![b"\x01down".to_vec()] };
    assert!(!agrees(error));
}

#[test]
fn a_model_validates_an_answer_under_a_principle() {
    let world = World::new(|machine| match part(machine)? {
        (0, ..) => {
            let strategy = map([("Comparative", map([("principle", "same meaning".into())]))]);
            machine.request("RunNondetWith", map([("data", bytes(b"")), ("strategy", strategy)]))?.unwrap();
            Ok(())
        }
        _ => machine.end_with("Return", "a dog"),
    });
    let role = || Role::Validator { results: vec![returned("un chien")] };
    for (answer, agrees) in [(Value::Bool(true), true), (Value::Bool(false), false), (Value::from("true"), false)] {
        world.host.answer(map([("ok", answer)]).encode().unwrap());
        assert_eq!(matches!(world.run(role()).outcome, Outcome::Return(_)), agrees);
    }
    let asked = Value::decode(&world.host.asked()[0]).unwrap();
    assert_eq!(asked["ExecPromptTemplate"]["leader_answer"], Value::from("\"un chien\""));
    assert_eq!(asked["ExecPromptTemplate"]["validator_answer"], Value::from("\"a dog\""));
}

/// Values that say the same in other types, and in other shapes.
fn lookalikes() -> [Value; 20] {
    let pair = |key: &str| map([(key, 1.into())]);
    let ones = |count: usize| Value::array(vec![1; count]);
    [
        101.into(),
        "101".into(),
        bytes(b"101"),
        true.into(),
        "true".into(),
        Value::Null,
        "null".into(),
        pair("a"),
        "{\"a\":1}".into(),
        pair("b"),
        Value::array([1]),
        Value::array([1, 1]),
        // The same leaves in other containers.
        Value::array([ones(1), 1.into()]),
        Value::array([1.into(), ones(1)]),
        Value::array([ones(2)]),
        Value::array([ones(2), ones(0)]),
        Value::array([ones(0), ones(2)]),
        map([("a", 1.into()), ("b", 1.into())]),
        map([("a", pair("b"))]),
        map([("a", ones(1)), ("b", map([]))]),
    ]
}

/// A contract whose block returns the value at the place that its calldata names, under a strategy.
fn returning(strategy: Value) -> World {
    World::new(move |machine| match part(machine)? {
        (0, ..) => {
            let request = map([("data", bytes(b"\x06")), ("strategy", strategy.clone())]);
            machine.request("RunNondetWith", request)?.unwrap();
            Ok(())
        }
        _ => machine.end_with("Return", lookalikes()[0].clone()),
    })
}

/// However willing the model is: a leader cannot change the type of an answer, and the model is not even asked.
#[test]
fn an_answer_of_another_shape_is_never_compared() {
    for own in lookalikes() {
        for leaders in lookalikes() {
            let world = World::new({
                let own = own.clone();
                move |machine| match part(machine)? {
                    (0, ..) => {
                        let strategy = map([("Comparative", map([("principle", "any".into())]))]);
                        machine.request("RunNondetWith", map([("data", bytes(b"")), ("strategy", strategy)]))?.unwrap();
                        Ok(())
                    }
                    _ => machine.end_with("Return", own.clone()),
                }
            });
            world.host.answer(map([("ok", true.into())]).encode().unwrap());
            let report = world.run(Role::Validator { results: vec![returned(leaders.clone())] });
            // Two strings are of one shape, whatever they say.
            let one_shape = own == leaders || (own.as_str().is_some() && leaders.as_str().is_some());
            assert_eq!(matches!(report.outcome, Outcome::Return(_)), one_shape, "{own} and {leaders}");
            assert_eq!(world.host.asked().is_empty(), own == leaders || !one_shape, "{own} and {leaders}");
        }
    }
}

/// What a model is shown of a leader's answer says what it is.
#[test]
fn no_two_values_look_alike_to_a_model() {
    let criteria = map([("task", "count".into()), ("criteria", "a number".into())]);
    let world = returning(map([("NonComparative", criteria)]));
    for leaders in lookalikes() {
        world.host.answer(map([("ok", true.into())]).encode().unwrap());
        world.run(Role::Validator { results: vec![returned(leaders)] });
    }
    let shown: Vec<String> = world.host.asked().iter().map(|asked| field(asked, "output")).collect();
    let texts: Vec<String> = lookalikes().iter().map(Value::to_string).collect();
    assert_eq!(shown, texts, "the text form, which parses back to the value");
    assert_eq!(field(&world.host.asked()[0], "input"), "{}");
}

fn field(asked: &[u8], name: &str) -> String {
    Value::decode(asked).unwrap()["ExecPromptTemplate"][name].as_str().unwrap().to_owned()
}

#[test]
fn requests_to_modules_overlap() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 0 {
            let result = machine.request("RunNondet", block(b""))?.unwrap();
            return machine.end_with("Return", bytes(&result));
        }
        let prompt = |text: &str| {
            map([("prompt", text.into()), ("response_format", "text".into()), ("images", Value::array([0i64; 0]))])
        };
        let first = machine.gl_call("ExecPrompt", prompt("one"))?.unwrap().unwrap();
        let second = machine.gl_call("ExecPrompt", prompt("two"))?.unwrap().unwrap();
        let second = machine.read(second)?;
        let first = machine.read(first)?;
        machine.end_with("Return", Value::array([bytes(&first), bytes(&second)]))
    });
    for answer in ["1", "2"] {
        world.host.answer(map([("ok", answer.into())]).encode().unwrap());
    }
    let report = world.lead();
    let Outcome::Return(value) = report.outcome else { panic!("{:?}", report.outcome) };
    let result = Value::decode(&value).unwrap().as_bytes().unwrap().to_vec();
    let pair = Value::decode(&result[1..]).unwrap();
    let decoded = |index: usize| Value::decode(pair[index].as_bytes().unwrap()).unwrap()["ok"].clone();
    assert_eq!((decoded(0), decoded(1)), ("1".into(), "2".into()));
}
