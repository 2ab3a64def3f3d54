//! wasmtime-wasi 48, Preview 1, called synchronously and allowed to block: the fastest way to use it.

use std::path::Path;

use subvm_tables::node::Marks;
use subvm_tables::syscalls::{ARGS, Case, Comparison, ENV, MarkBy, Peer, Runner, files, text};
use tempfile::TempDir;
use wasmtime::{Caller, Engine, Linker, Module, Store};
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

/// The peer, with the same files on disk as subvm's guests have in memory.
pub(crate) struct WasmtimeWasi {
    engine: Engine,
    root: TempDir,
}

struct State {
    wasi: WasiP1Ctx,
    marks: Marks,
}

impl WasmtimeWasi {
    /// Makes its files.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(crate) fn new() -> std::io::Result<Self> {
        let root = tempfile::tempdir()?;
        for (path, bytes) in files() {
            let file = root.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
            std::fs::write(file, &*bytes)?;
        }
        Ok(Self { engine: Engine::default(), root })
    }

    fn state(&self, marks: &Marks) -> State {
        let mut builder = WasiCtxBuilder::new();
        builder
            .allow_blocking_current_thread(true)
            .args(&ARGS)
            .envs(&ENV)
            .stdout(MemoryOutputPipe::new(usize::MAX / 4))
            .preopened_dir(self.root.path(), "/", FsPerms::ReadWrite)
            .expect("the directory is there");
        State { wasi: builder.build_p1(), marks: marks.clone() }
    }
}

impl Peer for WasmtimeWasi {
    fn name(&self) -> &str {
        "wasmtime-wasi"
    }

    fn prepare(&self, case: &Case, times: u32) -> Option<Runner> {
        if case.peer == Comparison::None {
            return None;
        }
        let wasm = wat::parse_str(text(case, times, MarkBy::Import)).expect("a module");
        let module = Module::new(&self.engine, wasm).expect("it compiles");
        let mut linker = Linker::new(&self.engine);
        add_to_linker_sync(&mut linker, |state: &mut State| &mut state.wasi).expect("they are distinct");
        linker
            .func_wrap("bench", "mark", |caller: Caller<'_, State>| caller.data().marks.mark())
            .expect("it is alone there");
        let pre = linker.instantiate_pre(&module).expect("it links");
        let marks = Marks::default();
        let mut store = Store::new(&self.engine, self.state(&marks));
        let start = pre
            .instantiate(&mut store)
            .and_then(|instance| instance.get_typed_func::<(), ()>(&mut store, "_start"))
            .expect("it has an entry");
        Some(Box::new(move || {
            start.call(&mut store, ()).expect("no call fails");
            marks.take()
        }))
    }
}
