//! A cluster of PostgreSQL that is made for a test and thrown away.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

#[path = "../../../modules/tests/support/mod.rs"]
mod support;

/// A running cluster.
pub(crate) struct Cluster {
    dir: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
    options: String,
    /// Bytes beyond which no file of the server's grows.
    most: Option<u64>,
    /// Variables of the server's environment.
    environment: Vec<(&'static str, PathBuf)>,
}

/// Says that something is missing.
pub(crate) fn skipped(what: &str) {
    support::skipped(what);
}

/// The directory of the server's programs.
fn bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = versions.map(|version| version.path().join("bin")).chain(std::env::split_paths(&path));
    places.into_iter().find(|place| place.join("initdb").exists() && place.join("postgres").exists())
}

/// A command of the server's, which does not run as root, and whose files grow to so many bytes only.
fn command(bin: &Path, program: &str, most: Option<u64>) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let limited = most.map(|most| ["prlimit".to_owned(), format!("--fsize={most}")]);
    let other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"].map(String::from);
    let before = limited.into_iter().flatten().chain(other.into_iter().filter(|_| root));
    let words: Vec<String> = before.chain([bin.join(program).to_str().unwrap().to_owned()]).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

impl Cluster {
    /// Starts a cluster with these options; nothing, and says so, where there is no PostgreSQL.
    pub(crate) fn start(options: &str) -> Option<Self> {
        Self::start_within(options, None)
    }

    /// The same, where no file of the server's may grow beyond so many bytes: to the server it is as a disk that is full.
    pub(crate) fn start_within(options: &str, most: Option<u64>) -> Option<Self> {
        Self::begin(options, most, Vec::new())
    }

    /// The same, with these variables in the server's environment.
    pub(crate) fn start_with(options: &str, environment: Vec<(&'static str, PathBuf)>) -> Option<Self> {
        Self::begin(options, None, environment)
    }

    fn begin(options: &str, most: Option<u64>, environment: Vec<(&'static str, PathBuf)>) -> Option<Self> {
        let Some(bin) = bin() else {
            support::skipped("postgresql");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        // Where the server runs as another user, the directory is its.
        let _ = Command::new("chown").arg("postgres").arg(dir.path()).output();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= {options}");
        let cluster = Self { dir, bin, port, options, most, environment };
        let data = cluster.dir.path().join("data");
        cluster.run(
            "initdb",
            &[
                "-D",
                data.to_str()?,
                "--auth=trust",
                "--username=subvm",
                "--no-sync",
                "--encoding=UTF8",
                "--wal-segsize=1",
            ],
        );
        cluster.start_again();
        Some(cluster)
    }

    /// Starts the server anew, with as much room as there is.
    pub(crate) fn make_room(&mut self) {
        self.most = None;
        let data = self.dir.path().join("data");
        self.run("pg_ctl", &["-D", data.to_str().unwrap(), "-m", "fast", "-w", "stop"]);
        self.start_again();
    }

    /// Starts the server of a cluster that does not run, and waits until it has recovered.
    pub(crate) fn start_again(&self) {
        let (data, log) = (self.dir.path().join("data"), self.dir.path().join("log"));
        let (data, log) = (data.to_str().unwrap(), log.to_str().unwrap());
        self.run("pg_ctl", &["-D", data, "-l", log, "-w", "-o", &self.options, "start"]);
    }

    /// Stops the server without a checkpoint, where it did not end by itself, and waits until it has.
    pub(crate) fn stop_at_once(&self) {
        let data = self.dir.path().join("data");
        let mut stop = command(&self.bin, "pg_ctl", None);
        let _ = stop.arg("-D").arg(&data).args(["-m", "immediate", "-w", "stop"]).output();
        while data.join("postmaster.pid").exists() {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server and all its processes at once, as a machine without power does.
    pub(crate) fn kill(&mut self) {
        let pid = fs::read_to_string(self.dir.path().join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        // Stopped first, so that it starts nothing anew and sees no child end.
        let signal = |signal: &str, pids: &[String]| {
            let status = Command::new("kill").arg(signal).args(pids).stderr(Stdio::null()).status().unwrap();
            assert!(status.success() || signal != "-STOP", "kill {signal} {pids:?}");
        };
        signal("-STOP", std::slice::from_ref(&pid));
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &pid]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let all: Vec<String> = children.split_whitespace().map(String::from).chain([pid.clone()]).collect();
        assert!(all.len() > 1, "the server has no process that works");
        signal("-KILL", &all);
        while Path::new("/proc").join(&pid).join("exe").exists() {
            thread::sleep(Duration::from_millis(5));
        }
        // A process that nobody waits for still has its number, and the server would not start beside it.
        fs::remove_file(self.dir.path().join("data/postmaster.pid")).unwrap();
    }

    fn run(&self, program: &str, args: &[&str]) {
        // Not `output`: the server would keep its pipes open.
        // What makes the cluster has room.
        let most = self.most.filter(|_| program != "initdb");
        let environment = self.environment.iter().filter(|_| program != "initdb");
        let mut command = command(&self.bin, program, most);
        let status = command.args(args).envs(environment.cloned()).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program} {args:?}");
    }

    pub(crate) fn settings(&self, schema: &str) -> String {
        format!(
            "host=127.0.0.1 port={} user=subvm password=hidden dbname=postgres options='-c search_path={schema}'",
            self.port
        )
    }

    /// The settings of a new schema.
    pub(crate) fn schema(&self, name: &str) -> String {
        let settings = self.settings(name);
        let mut client = postgres::Client::connect(&settings, postgres::NoTls).unwrap();
        client.batch_execute(&format!("CREATE SCHEMA {name}")).unwrap();
        settings
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.dir.path().join("data");
        let mut stop = command(&self.bin, "pg_ctl", None);
        let _ = stop.arg("-D").arg(data).args(["-m", "immediate", "-w", "stop"]).output();
    }
}
