//! The WebDriver program: started on a port of its choice, and stopped.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use subvm_core::host::HostError;

/// How long it may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the driver and its browsers see of the node's environment: where things are, not the keys of models that it may hold. A name that
/// ends in `_` stands for all that begin so.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "LC_",
    "TZ",
    "TMPDIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_",
    "FONTCONFIG_",
    "LD_LIBRARY_PATH",
    // Other systems' names of the same.
    "SYSTEMROOT",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "TEMP",
    "TMP",
];

fn is_passed_on(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    ENVIRONMENT.iter().any(|known| name == *known || (known.ends_with('_') && name.starts_with(known)))
}

/// A running driver.
pub(super) struct Driver {
    process: Mutex<Child>,
    port: u16,
}

impl Driver {
    pub(super) fn start(program: &Path) -> Result<Self, HostError> {
        // The port that it chose may be taken before it listens on every address: it ends then, and chooses another the next time.
        let started = Self::start_once(program)?;
        let started = if started.is_some() { started } else { Self::start_once(program)? };
        started.ok_or_else(|| format!("{} does not say on which port it listens", program.display()).into())
    }

    /// A driver, where it says its port.
    fn start_once(program: &Path) -> Result<Option<Self>, HostError> {
        let mut command = Command::new(program);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| is_passed_on(name)));
        let mut process = command.spawn().map_err(|error| {
            format!("{} cannot be started: {error}: install it, or name it as render.driver", program.display())
        })?;
        let Some(port) = process.stdout.take().and_then(announced_port) else {
            stop(&mut process);
            return Ok(None);
        };
        Ok(Some(Self { process: Mutex::new(process), port }))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_alive(&self) -> bool {
        self.process.lock().is_ok_and(|mut process| matches!(process.try_wait(), Ok(None)))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends its browsers when it is asked to; a killed one would leave them behind.
        let _ = ureq::get(format!("http://127.0.0.1:{}/shutdown", self.port))
            .config()
            .timeout_global(Some(Duration::from_secs(5)))
            .proxy(None)
            .build()
            .call();
        if let Ok(process) = self.process.get_mut() {
            stop(process);
        }
    }
}

/// Waits for a process to end, and ends it.
fn stop(process: &mut Child) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        if matches!(process.try_wait(), Ok(Some(_))) {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let _ = process.kill();
    let _ = process.wait();
}

/// The port in `ChromeDriver was started successfully on port N.`
fn announced_port(stdout: ChildStdout) -> Option<u16> {
    let (sender, port) = channel();
    thread::spawn(move || {
        // Read on to the end: a driver whose output nobody takes would stop.
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let number =
                line.split_once("successfully on port ").map(|(_, rest)| rest.trim_end_matches('.').trim().parse());
            if let Some(Ok(number)) = number {
                let _ = sender.send(number);
            }
        }
    });
    port.recv_timeout(PATIENCE).ok().filter(|port| *port != 0)
}
