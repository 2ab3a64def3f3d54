//! Connections between nodes that can be cut: each node reaches each other one through a port of its own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One way from one node to another.
struct Link {
    port: u16,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

/// All of them.
pub struct Links(Vec<Vec<Option<Link>>>);

impl Links {
    /// Between so many nodes; node `i` listens on `port` + `i` by itself.
    pub fn new(count: u16, port: u16) -> Self {
        let one = |from: u16, to: u16| (from != to).then(|| Link::new(port + to));
        Self((0..count).map(|from| (0..count).map(|to| one(from, to)).collect()).collect())
    }

    /// Puts them into the text of a node's file, in the place of the others' ports.
    pub fn put(&self, from: u16, port: u16, text: &mut String) {
        for (to, link) in self.0[usize::from(from)].iter().enumerate() {
            if let Some(link) = link {
                let own = format!("/ip4/127.0.0.1/tcp/{}\"", usize::from(port) + to);
                assert!(text.contains(&own), "{text}");
                *text = text.replace(&own, &format!("/ip4/127.0.0.1/tcp/{}\"", link.port));
            }
        }
    }

    /// Cuts, or mends, what joins the two sides.
    pub fn between(&self, one: &[usize], other: &[usize], cut: bool) {
        for (from, to) in one.iter().flat_map(|a| other.iter().flat_map(move |b| [(*a, *b), (*b, *a)])) {
            if let Some(link) = &self.0[from][to] {
                link.set(cut);
            }
        }
    }
}

impl Link {
    fn new(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (cut, open) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<TcpStream>>>::default());
        let link = Self { port, cut: Arc::clone(&cut), open: Arc::clone(&open) };
        std::thread::spawn(move || {
            for here in listener.incoming().flatten() {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(there) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let ends = [here.try_clone(), there.try_clone()].map(|end| end.expect("a handle"));
                {
                    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
                    // It may have been cut since: who cuts says so first, and then ends those that are in this list.
                    if cut.load(Ordering::SeqCst) {
                        continue;
                    }
                    open.extend(ends);
                }
                let back = (there.try_clone().expect("a handle"), here.try_clone().expect("a handle"));
                std::thread::spawn(move || pass(here, there));
                std::thread::spawn(move || pass(back.0, back.1));
            }
        });
        link
    }

    fn set(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
        if cut {
            let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
            open.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
        }
    }
}

/// Copies until either end is gone, and then ends the other.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
