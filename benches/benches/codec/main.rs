//! Calldata beside other codecs: the same value in each, in one run, as ratios.
//!
//! `cargo bench -p subvm-benches --no-default-features --bench codec`. Times are the least of several rounds, which take
//! turns, so that whatever else the machine does hits all codecs alike. With `-- --check`, the exit
//! status is 1 if a bar is missed.

mod values;

use std::hint::black_box;
use std::time::{Duration, Instant};
use subvm_core::calldata::{self, DecodeLimits, Value, ValueRef};
use values::{Message, Peers};

const ROUNDS: usize = 21;
/// How long one measurement of one codec takes.
const SLICE: Duration = Duration::from_millis(2);

/// Bars that do not apply, with the reason: see `docs/RATIONALE.md#bars-that-do-not-apply`.
const EXEMPT: [(&str, &str, &str); 4] = [
    ("encode 1 MiB of bytes", "ciborium::Value", COPY),
    ("decode 1 MiB of bytes", "rmpv::Value", COPY),
    ("decode 1 MiB of bytes", "ciborium::Value", COPY),
    ("borrow map of 1,000 keys", "calldata::Value", "owned, it is one allocation for all"),
];
const COPY: &str = "both copy the bytes once";

/// Something to be timed.
struct Case<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
}

fn case<'a, T>(name: &'static str, mut run: impl FnMut() -> T + 'a) -> Case<'a> {
    Case { name, run: Box::new(move || drop(black_box(run()))) }
}

/// The least time of each case in nanoseconds.
fn measure(cases: &mut [Case<'_>]) -> Vec<f64> {
    let timed = |case: &mut Case<'_>, times: u32| {
        let start = Instant::now();
        (0..times).for_each(|_| (case.run)());
        start.elapsed()
    };
    let times: Vec<u32> = cases
        .iter_mut()
        .map(|case| {
            let mut times = 1;
            while timed(case, times) < SLICE / 2 {
                times *= 2;
            }
            times
        })
        .collect();
    let mut least = vec![f64::INFINITY; cases.len()];
    for _ in 0..ROUNDS {
        for ((case, times), least) in cases.iter_mut().zip(&times).zip(&mut least) {
            *least = least.min(timed(case, *times).as_nanos() as f64 / f64::from(*times));
        }
    }
    least
}

/// Prints the cases of one group, the first of which is ours; says whether each bar is met. A bar is
/// the most that our time may be of a peer's.
fn compare(group: &str, mut cases: Vec<Case<'_>>, bars: &[(&str, f64)]) -> bool {
    let times = measure(&mut cases);
    let own = times[0];
    println!("{group}\n  {:<28} {own:>12.0} ns", cases[0].name);
    let mut met = true;
    for (case, time) in cases.iter().zip(&times).skip(1) {
        let ratio = own / time;
        let bar = bars.iter().find(|(name, _)| *name == case.name).map(|(_, bar)| *bar);
        let exempt = EXEMPT.iter().find(|(exempt, name, _)| *exempt == group && *name == case.name);
        let verdict = match bar {
            Some(bar) if ratio > bar && exempt.is_some() => {
                exempt.map_or_else(String::new, |(_, _, reason)| format!("above {bar}: {reason}"))
            }
            Some(bar) if ratio > bar => {
                met = false;
                format!("MISSED: at most {bar}")
            }
            Some(bar) => format!("at most {bar}"),
            None => String::new(),
        };
        println!("  {:<28} {time:>12.0} ns   {ratio:.2}   {verdict}", case.name);
    }
    met
}

fn dynamic(name: &str, value: &Value) -> bool {
    let peers = Peers::new(value);
    let bytes = value.encode().unwrap();
    let (json, cbor, pack) = (peers.to_json(), peers.to_cbor(), peers.to_msgpack());
    let mut out = Vec::with_capacity(bytes.len() * 4);
    let (mut out2, mut out3, mut out4) = (out.clone(), out.clone(), out.clone());
    let encode = vec![
        case("calldata::Value", || {
            out.clear();
            value.encode_into(&mut out)
        }),
        case("serde_json::Value", || {
            out2.clear();
            serde_json::to_writer(&mut out2, &peers.json)
        }),
        case("ciborium::Value", || {
            out3.clear();
            ciborium::into_writer(&peers.cbor, &mut out3)
        }),
        case("rmpv::Value", || {
            out4.clear();
            rmpv::encode::write_value(&mut out4, &peers.msgpack)
        }),
    ];
    let mut met = compare(&format!("encode {name}"), encode, &[("serde_json::Value", 0.5), ("ciborium::Value", 0.5)]);
    let decode = vec![
        case("calldata::Value", || Value::decode(black_box(&bytes))),
        case("serde_json::Value", || serde_json::from_slice::<serde_json::Value>(black_box(&json)).unwrap()),
        case("rmpv::Value", || rmpv::decode::read_value(&mut black_box(&pack[..])).unwrap()),
        case("ciborium::Value", || ciborium::from_reader::<ciborium::Value, _>(black_box(&cbor[..])).unwrap()),
    ];
    met &= compare(
        &format!("decode {name}"),
        decode,
        &[("serde_json::Value", 0.5), ("rmpv::Value", 0.7), ("ciborium::Value", 0.2)],
    );
    let borrowed = vec![
        case("calldata::ValueRef", || ValueRef::decode(black_box(&bytes)).is_ok()),
        case("calldata::Value", || Value::decode(black_box(&bytes))),
        case("calldata::validate", || calldata::validate(black_box(&bytes), &DecodeLimits::DEFAULT)),
        case("rmpv::ValueRef", || rmpv::decode::read_value_ref(&mut black_box(&pack[..])).is_ok()),
    ];
    met & compare(&format!("borrow {name}"), borrowed, &[("calldata::Value", 0.5)])
}

fn typed(message: &Message) -> bool {
    let bytes = calldata::to_bytes(message).unwrap();
    let pack = rmp_serde::to_vec_named(message).unwrap();
    let json = serde_json::to_vec(message).unwrap();
    let encode = vec![
        case("calldata::to_bytes", || calldata::to_bytes(message)),
        case("rmp_serde::to_vec_named", || rmp_serde::to_vec_named(message)),
        case("serde_json::to_vec", || serde_json::to_vec(message)),
    ];
    let decode = vec![
        case("calldata::from_slice", || calldata::from_slice::<Message>(black_box(&bytes)).unwrap()),
        case("rmp_serde::from_slice", || rmp_serde::from_slice::<Message>(black_box(&pack)).unwrap()),
        case("serde_json::from_slice", || serde_json::from_slice::<Message>(black_box(&json)).unwrap()),
    ];
    let encode = compare("encode typed message", encode, &[("rmp_serde::to_vec_named", 1.5)]);
    encode & compare("decode typed message", decode, &[("rmp_serde::from_slice", 1.5)])
}

fn main() {
    let message = Message::example();
    let mut met = dynamic("message", &calldata::to_value(&message).unwrap());
    met &= dynamic("10,000 small integers", &values::small_integers());
    met &= dynamic("1 MiB of bytes", &values::bytes());
    met &= dynamic("map of 1,000 keys", &values::large_map());
    met &= dynamic("1,000 integers of 256 bits", &values::wide_integers());
    met &= typed(&message);
    println!("{}", if met { "all bars are met" } else { "a bar is missed" });
    if !met && std::env::args().any(|arg| arg == "--check") {
        std::process::exit(1);
    }
}
