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
    assert_eq!(asked["ExecPromptTemplate"]["leader_answer"], Value::from("un chien"));
    assert_eq!(asked["ExecPromptTemplate"]["validator_answer"], Value::from("a dog"));
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
