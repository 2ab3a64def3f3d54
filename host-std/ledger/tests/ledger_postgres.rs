//! The ledger in PostgreSQL, on a cluster that is made for the test and thrown away.
#![cfg(feature = "postgres")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use subvm_core::host::{State, Storage};
use subvm_core::{Address, PageWrite, SlotId};
use subvm_ledger::{Heights, Ledger, LedgerError, PostgresLedger, conformance};

#[path = "../../modules/tests/support/mod.rs"]
mod support;

/// A running cluster.
struct Cluster {
    dir: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
}

/// The directory of the server's programs.
fn bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = versions.map(|version| version.path().join("bin")).chain(std::env::split_paths(&path));
    places.into_iter().find(|place| place.join("initdb").exists() && place.join("postgres").exists())
}

/// A command of the server's, which does not run as root.
fn command(bin: &Path, program: &str) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let program = bin.join(program);
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

impl Cluster {
    /// Starts a cluster; nothing, and says so, where there is no PostgreSQL.
    fn start() -> Option<Self> {
        let Some(bin) = bin() else {
            support::skipped("postgresql");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        // Where the server runs as another user, the directory is its.
        let _ = Command::new("chown").arg("postgres").arg(dir.path()).output();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { dir, bin, port };
        let data = cluster.dir.path().join("data");
        cluster
            .run("initdb", &["-D", data.to_str()?, "--auth=trust", "--username=subvm", "--no-sync", "--encoding=UTF8"]);
        let options = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off");
        let log = cluster.dir.path().join("log");
        cluster.run("pg_ctl", &["-D", data.to_str()?, "-l", log.to_str()?, "-w", "-o", &options, "start"]);
        Some(cluster)
    }

    fn run(&self, program: &str, args: &[&str]) {
        // Not `output`: the server would keep its pipes open.
        let status = command(&self.bin, program).args(args).stdout(std::process::Stdio::null()).status().unwrap();
        assert!(status.success(), "{program} {args:?}");
    }

    fn settings(&self, schema: &str) -> String {
        format!(
            "host=127.0.0.1 port={} user=subvm password=hidden dbname=postgres options='-c search_path={schema}'",
            self.port
        )
    }

    /// The settings of a new schema.
    fn schema(&self, name: &str) -> String {
        let settings = self.settings(name);
        let mut client = postgres::Client::connect(&settings, postgres::NoTls).unwrap();
        client.batch_execute(&format!("CREATE SCHEMA {name}")).unwrap();
        settings
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.dir.path().join("data");
        let mut stop = command(&self.bin, "pg_ctl");
        let _ = stop.arg("-D").arg(data).args(["-m", "immediate", "-w", "stop"]).output();
    }
}

const CONTRACT: Address = Address([7; 20]);
const SLOT: SlotId = SlotId([9; 32]);

#[test]
fn it_is_a_ledger() {
    let Some(cluster) = Cluster::start() else { return };

    let mut count = 0;
    let make = || {
        count += 1;
        PostgresLedger::connect(&cluster.schema(&format!("conforms{count}"))).unwrap()
    };
    conformance::check(make).unwrap();

    // It remembers, and one uses it at a time.
    let settings = cluster.schema("remembers");
    let mut ledger = PostgresLedger::connect(&settings).unwrap();
    let page = PageWrite { slot: SLOT, page: 3, content: [5; 32] };
    ledger.apply(&CONTRACT, &[page], u64::MAX - 1).unwrap();
    let error = PostgresLedger::connect(&settings).unwrap_err();
    assert!(matches!(error, LedgerError::Locked { .. }), "{error:?}");
    assert!(!error.to_string().contains("hidden") && error.to_string().contains("127.0.0.1/postgres"), "{error}");
    drop(ledger);
    let mut ledger = PostgresLedger::connect(&settings).unwrap();
    assert_eq!(ledger.heights().unwrap(), Heights { accepted: u64::MAX - 1, finalized: 0 });
    let mut bytes = [0; 2];
    ledger.read(State::Accepted, &CONTRACT, &SLOT, 127, &mut bytes).unwrap();
    assert_eq!(bytes, [5, 0]);
    drop(ledger);

    // Another version's tables are not guessed at.
    let mut client = postgres::Client::connect(&settings, postgres::NoTls).unwrap();
    client.batch_execute(r"UPDATE subvm_meta SET value = '\x0000000000000009' WHERE name = 'layout'").unwrap();
    let error = PostgresLedger::connect(&settings).unwrap_err();
    assert!(matches!(error, LedgerError::Layout { found: 9, .. }), "{error:?}");
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = format!("host=127.0.0.1 port={port} user=subvm password=hidden");
    let error = PostgresLedger::connect(&settings).unwrap_err();
    assert!(matches!(error, LedgerError::Backend { doing: "connecting", .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("hidden"));
    assert!(PostgresLedger::connect("nonsense").is_err());
}
