use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const LONG: Duration = Duration::from_secs(20);

/// Does what its closure does.
struct Fake<F>(F);

impl<F: Fn(&Map) -> Result<Value, Failure> + Send + Sync + 'static> Service for Fake<F> {
    fn answer(&self, _: &str, fields: &Map) -> Result<Value, Failure> {
        (self.0)(fields)
    }
}

fn set(concurrency: usize, answer: impl Fn(&Map) -> Result<Value, Failure> + Send + Sync + 'static) -> ModuleSet {
    ModuleSet::new(concurrency).with(&["WebRequest"], Arc::new(Fake(answer)))
}

fn request() -> Vec<u8> {
    Value::from(Map::from([("WebRequest", Value::from(Map::new()))])).encode().unwrap()
}

fn ready(modules: &mut ModuleSet, id: RequestId) -> String {
    match modules.wait(id, LONG).unwrap() {
        Progress::Ready(bytes) => Value::decode(&bytes).unwrap().to_string(),
        Progress::Pending => panic!("it takes too long"),
    }
}

#[test]
fn it_keeps_the_promises_of_the_trait() {
    use subvm_host_mock::conformance::{self, ModulesSample};
    let unknown = Value::from(Map::from([("ExecPrompt", Value::from(Map::new()))])).encode().unwrap();
    let sample = ModulesSample { request: request(), unknown: Some(unknown) };
    let slow = || {
        set(2, |_| {
            std::thread::sleep(Duration::from_millis(50));
            Ok(Value::Null)
        })
    };
    conformance::modules(&sample, slow).unwrap();
    conformance::modules(&sample, || set(1, |_| Err(Failure::Code("timeout")))).unwrap();
}

#[test]
fn requests_overlap() {
    let meet = Arc::new(Barrier::new(3));
    let inside = Arc::clone(&meet);
    let mut modules = set(3, move |_| {
        inside.wait();
        Ok(Value::Null)
    });
    let ids = [(); 2].map(|()| modules.start(&request()).unwrap());
    assert_eq!(modules.wait(ids[0], Duration::ZERO).unwrap(), Progress::Pending);
    meet.wait();
    for id in ids {
        assert_eq!(ready(&mut modules, id), r#"{"ok":null}"#);
        assert!(modules.wait(id, LONG).is_err(), "its number is spent");
    }
}

#[test]
fn no_more_run_at_once_than_allowed() {
    let (running, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let mut modules = set(2, move |_| {
        seen.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        running.fetch_sub(1, Ordering::SeqCst);
        Ok(Value::Null)
    });
    let ids: Vec<_> = (0..9).map(|_| modules.start(&request()).unwrap()).collect();
    for id in ids {
        ready(&mut modules, id);
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[test]
fn failures_are_the_guests_or_the_nodes() {
    let mut modules = set(1, |_| Err(Failure::Code("timeout")));
    let id = modules.start(&request()).unwrap();
    assert_eq!(ready(&mut modules, id), r#"{"error":"timeout"}"#);

    let mut modules = set(1, |_| Err(Failure::Unavailable("gone".into())));
    let id = modules.start(&request()).unwrap();
    assert_eq!(modules.wait(id, LONG).unwrap_err().to_string(), "gone");

    let mut modules = set(1, |_| panic!("on purpose"));
    let ids = [(); 2].map(|()| modules.start(&request()).unwrap());
    for id in ids {
        assert_eq!(modules.wait(id, LONG).unwrap_err().to_string(), "the module panicked");
    }

    let error = ModuleSet::new(1).start(&request()).unwrap_err();
    assert!(error.to_string().contains("[web]"), "{error}");
}

#[test]
fn what_is_cancelled_in_the_queue_is_not_begun() {
    let (begun, meet) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let (count, inside) = (Arc::clone(&begun), Arc::clone(&meet));
    let mut modules = set(1, move |_| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            inside.wait();
        }
        Ok(Value::Null)
    });
    let ids = [(); 3].map(|()| modules.start(&request()).unwrap());
    modules.cancel(ids[1]);
    meet.wait();
    ready(&mut modules, ids[2]);
    assert_eq!(begun.load(Ordering::SeqCst), 2);
}

#[test]
fn unread_answers_hold_further_requests_up_until_somebody_waits_for_them() {
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let mut modules = set(1, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Value::Bytes(vec![0; 40 << 20]))
    });
    let ids = [(); 4].map(|()| modules.start(&request()).unwrap());
    // The second is asked for when the first is done, and the third finds 80 MiB unread.
    assert_eq!(length(&mut modules, ids[1]), 40 << 20);
    // The third came after it, and with the first lies unread: the fourth is held up.
    while begun.load(Ordering::SeqCst) < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(begun.load(Ordering::SeqCst), 3);
    assert_eq!(length(&mut modules, ids[3]), 40 << 20);
    modules.cancel(ids[0]);
    assert_eq!(length(&mut modules, ids[2]), 40 << 20);
    assert_eq!(begun.load(Ordering::SeqCst), 4);
}

fn length(modules: &mut ModuleSet, id: RequestId) -> usize {
    let Progress::Ready(bytes) = modules.wait(id, LONG).unwrap() else { panic!("it takes too long") };
    let Value::Map(answer) = Value::decode(&bytes).unwrap() else { panic!("an answer is a map") };
    let Some(Value::Bytes(bytes)) = answer.get("ok") else { panic!("it is well") };
    bytes.len()
}
