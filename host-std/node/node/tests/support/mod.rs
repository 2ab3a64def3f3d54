//! Chains of real processes, and a process that reads all of them.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

pub mod links;

/// What may take long on a machine that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub const BINARY: &str = env!("CARGO_BIN_EXE_subvm-node");

pub const ORACLE: &str = "../../examples/oracle/oracle.wasm";

/// That node misbehaves so.
pub fn fault(of: u16, fault: &'static str) -> impl Fn(u16, &mut String) {
    move |index, text| {
        if index == of {
            misbehaves(text, fault);
        }
    }
}

pub fn honest(_: u16, _: &mut String) {}

fn misbehaves(text: &mut String, fault: &str) {
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("fault = ")).collect();
    // A top-level key comes before the first table.
    *text = format!("fault = \"{fault}\"\n{}\n", kept.join("\n"));
}

/// Four nodes are as much as a small machine runs: one chain at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn skipped(what: &str) {
    eprintln!("SKIPPED: {what}");
}

/// Waits until `ready` has something.
#[track_caller]
pub fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(done) = ready() {
            return done;
        }
        assert!(began.elapsed() < PATIENCE, "this did not happen within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A page that tells a price.
pub struct Site {
    pub port: u16,
    pub asked: Arc<AtomicU64>,
    mode: Arc<AtomicU8>,
}

impl Site {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (asked, mode) = (Arc::<AtomicU64>::default(), Arc::<AtomicU8>::default());
        let site = Self { port, asked: Arc::clone(&asked), mode: Arc::clone(&mode) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, mode) = (Arc::clone(&asked), Arc::clone(&mode));
                std::thread::spawn(move || answer(stream, &asked, &mode));
            }
        });
        site
    }

    /// From now on each request gets another answer.
    pub fn differ(&self) {
        self.mode.store(1, Ordering::SeqCst);
    }

    /// From now on all get the same one.
    pub fn agree(&self) {
        self.mode.store(0, Ordering::SeqCst);
    }

    /// From now on nobody gets any.
    pub fn close(&self) {
        self.mode.store(2, Ordering::SeqCst);
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/price", self.port)
    }

    pub fn count(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, asked: &AtomicU64, mode: &AtomicU8) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let Ok(read) = stream.try_clone() else { return };
    for line in BufReader::new(read).lines() {
        match line {
            Ok(line) if !line.is_empty() => {}
            _ => break,
        }
    }
    let count = asked.fetch_add(1, Ordering::SeqCst);
    let body = match mode.load(Ordering::SeqCst) {
        0 => "42.5\n".to_owned(),
        1 => format!("{count}\n"),
        _ => return,
    };
    let len = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}"
    );
}

/// A chain's files and processes.
pub struct Net {
    pub dir: TempDir,
    pub port: u16,
    pub nodes: Vec<Option<Child>>,
    agent: ureq::Agent,
}

impl Net {
    /// The files of a chain whose guests may ask that site; `change` has the text of a node's file.
    pub fn new(count: u16, site: &Site, change: impl Fn(u16, &mut String)) -> Self {
        Self::on(free(count), count, site, change)
    }

    /// The same, from this port on.
    pub fn on(port: u16, count: u16, site: &Site, change: impl Fn(u16, &mut String)) -> Self {
        let dir = TempDir::new().expect("a directory");
        let home = dir.path().join("chain");
        let made = run(
            &["init", home.to_str().expect("text"), "--validators", &count.to_string(), "--port", &port.to_string()],
            None,
        );
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        for index in 0..count {
            let file = home.join(format!("node{index}/node.toml"));
            let text = std::fs::read_to_string(&file).expect("is there");
            let mut doc: toml::Table = text.parse().expect("is TOML");
            let web = toml::toml! {
                enabled = true
                allow_networks = ["127.0.0.0/8"]
            };
            let vm = doc.entry("vm").or_insert(toml::Value::Table(toml::Table::new())).as_table_mut().expect("a table");
            let entry =
                vm.entry("web").or_insert(toml::Value::Table(toml::Table::new())).as_table_mut().expect("a table");
            entry.extend(web);
            entry.insert("ports".into(), toml::Value::Array(vec![i64::from(site.port).into()]));
            let consensus = doc["consensus"].as_table_mut().expect("a table");
            // Quick blocks, and patience with a machine that has much to do.
            consensus.insert("block".into(), 300.into());
            consensus.insert("propose".into(), 4_000.into());
            let mut text = doc.to_string();
            change(index, &mut text);
            std::fs::write(&file, text).expect("writes");
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(20)))
            .http_status_as_error(false)
            .build()
            .into();
        let nodes = (0..count).map(|_| None).collect();
        Self { dir, port, nodes, agent }
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("chain")
    }

    pub fn start(&mut self, index: usize) {
        self.start_by(index, Command::new(BINARY));
    }

    /// The same, and no file that it writes can have more bytes: as if its disk were full then.
    pub fn start_with_files_of(&mut self, index: usize, bytes: u64) {
        let mut shell = Command::new("bash");
        // Of 1,024 bytes. The signal would end the process; without it the write fails, as on a full disk.
        shell.args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "bash"]);
        shell.arg((bytes >> 10).to_string()).arg(BINARY);
        self.start_by(index, shell);
    }

    fn start_by(&mut self, index: usize, mut command: Command) {
        let file = self.home().join(format!("node{index}/node.toml"));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.home().join(format!("node{index}.log")))
            .expect("a log");
        command.arg("start").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.env(
            "RUST_LOG",
            "warn,subvm_node=info,network=off,arc_malachitebft_network=off,arc_malachitebft_discovery=off",
        );
        self.nodes[index] = Some(command.spawn().expect("starts"));
    }

    /// How a node ended, if it did.
    pub fn ended(&mut self, index: usize) -> Option<ExitStatus> {
        let ended = self.nodes[index].as_mut()?.try_wait().expect("is a child");
        ended.inspect(|_| self.nodes[index] = None)
    }

    /// From its next start on a node misbehaves so.
    pub fn set_fault(&self, index: usize, fault: &str) {
        let file = self.home().join(format!("node{index}/node.toml"));
        let mut text = std::fs::read_to_string(&file).expect("is there");
        misbehaves(&mut text, fault);
        std::fs::write(file, text).expect("writes");
    }

    /// Bytes of the largest file that a node wrote.
    pub fn largest_file(&self, index: usize) -> u64 {
        fn largest(dir: &std::path::Path) -> u64 {
            let entries = std::fs::read_dir(dir).expect("reads").flatten();
            let size = |entry: std::fs::DirEntry| match entry.metadata().expect("is there") {
                meta if meta.is_dir() => largest(&entry.path()),
                meta => meta.len(),
            };
            entries.map(size).max().unwrap_or(0)
        }
        largest(&self.home().join(format!("node{index}/data")))
    }

    pub fn start_all(&mut self) {
        (0..self.nodes.len()).for_each(|index| self.start(index));
    }

    /// As if its machine had lost power.
    pub fn kill(&mut self, index: usize) {
        if let Some(mut child) = self.nodes[index].take() {
            child.kill().expect("is killed");
            child.wait().expect("is gone");
        }
    }

    pub fn url(&self, index: usize) -> String {
        format!("http://127.0.0.1:{}", usize::from(self.port) + 1_000 + index)
    }

    pub fn log(&self, index: usize) -> String {
        std::fs::read_to_string(self.home().join(format!("node{index}.log"))).unwrap_or_default()
    }

    pub fn call(&self, index: usize, method: &str, params: Value) -> Result<Value, String> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let mut answer = self
            .agent
            .post(self.url(index))
            .header("content-type", "application/json")
            .send(body)
            .map_err(|error| error.to_string())?;
        let text =
            answer.body_mut().with_config().limit(64 << 20).read_to_string().map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        if answer["error"].is_null() { Ok(answer["result"].take()) } else { Err(answer["error"].to_string()) }
    }

    pub fn height(&self, index: usize) -> Option<u64> {
        self.call(index, "status", json!({})).ok()?["height"].as_u64()
    }

    /// A block that a node has. Who reads a whole chain has to wait where it asks for more than one client may.
    #[track_caller]
    pub fn block(&self, index: usize, height: u64) -> Value {
        until("the block is there", || self.call(index, "block", json!({"height": height})).ok())
    }

    /// Waits until a node is so many blocks higher.
    #[track_caller]
    pub fn grow(&self, index: usize, by: u64) -> u64 {
        let from = until("the node answers", || self.height(index));
        until("blocks come", || self.height(index).filter(|height| *height >= from + by))
    }

    /// What the owner of all money does: the words after `subvm-node send`.
    pub fn send(&self, index: usize, words: &[&str]) -> Output {
        let key = self.home().join("owner.key");
        let all: Vec<&str> = ["send", "--key", key.to_str().expect("text"), "--wait", "240"]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        run(&all, Some(&self.url(index)))
    }

    /// The same: gives the transaction, and the record that the node has of it.
    #[track_caller]
    pub fn sent(&self, index: usize, words: &[&str]) -> Value {
        let output = self.send(index, words);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        assert!(output.status.success(), "{words:?}: {out}{err}{}", self.log(index));
        let id = out.lines().find_map(|line| line.strip_prefix("sent ")).expect("a name");
        self.call(index, "transaction", json!({"id": id})).expect("is known")
    }

    #[track_caller]
    pub fn deploy(&self, module: &str, data: &str) -> String {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(module);
        let record = self.sent(0, &["deploy", path.to_str().expect("text"), data]);
        assert_eq!(record["status"], "returned", "{record:#}");
        record["action"]["to"].as_str().expect("an address").to_owned()
    }

    #[track_caller]
    pub fn view(&self, index: usize, contract: &str, data: &str) -> String {
        let answer = self.call(index, "view", json!({"to": contract, "data": data})).expect("answers");
        assert_eq!(answer["kind"], "return", "{answer}");
        answer["text"].as_str().expect("a text").to_owned()
    }

    /// What the process that reads all nodes asserts: at no height do two of them have different blocks, or different states.
    #[track_caller]
    pub fn agree(&self, nodes: &[usize]) -> u64 {
        let lowest = nodes.iter().filter_map(|index| self.height(*index)).min().expect("a node answers");
        for height in 1..=lowest {
            let of = |index: &usize| {
                let block = self.block(*index, height);
                (block["id"].clone(), block["root_before"].clone())
            };
            let all: Vec<_> = nodes.iter().map(of).collect();
            assert!(all.iter().all(|one| *one == all[0]), "nodes differ at block {height}: {all:?}");
        }
        lowest
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for index in 0..self.nodes.len() {
                let log = self.log(index);
                let from = log.len().saturating_sub(4_000);
                eprintln!("--- node {index}\n{}", log.get(from..).unwrap_or(&log));
            }
        }
    }
}

pub fn run(words: &[&str], node: Option<&str>) -> Output {
    let mut command = Command::new(BINARY);
    command.args(words).stdin(Stdio::null()).env_remove("SUBVM_KEY").env_remove("SUBVM_NODE");
    if let Some(node) = node {
        command.env("SUBVM_NODE", node);
    }
    command.output().expect("runs")
}

/// A first port after which so many, and those for clients, are free.
pub fn free(count: u16) -> u16 {
    let start = 20_000 + (std::process::id() % 300) as u16 * 20;
    let all_free = |first: &u16| {
        (0..count)
            .flat_map(|index| [first + index, first + 1_000 + index])
            .chain([first + 999])
            .all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
    };
    (0..100).map(|step| start + step * 20).find(all_free).expect("ports are free")
}
