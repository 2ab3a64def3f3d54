//! Requests that reach a module, and traces.

use alloc::vec::Vec;

use crate::costs;
use crate::host::Stream;
use crate::ids::Mode;
use crate::outcome::{End, InternalError, InternalErrorKind, Resource};
use crate::own;
use crate::run::sub_vm::Guest;
use crate::sdk::Errno;
use crate::sdk::gl_call::{Given, Granted};
use crate::wasi::call::Stop;
use subvm_calldata::Value;

impl Guest<'_> {
    /// Starts a request without waiting for it, where so much RAM is left.
    pub(super) fn start_module(&mut self, request: &[u8], leaves: u64) -> Granted {
        if self.vm.mode == Mode::Deterministic {
            return Err(Stop::Errno(Errno::Forbidden));
        }
        if self.cx()?.ram.left() < leaves {
            return Err(End::from(Resource::Memory).into());
        }
        let modules = &mut self.vm.transaction_mut()?.node.modules;
        let id = modules.start(request).map_err(|source| {
            InternalError::caused_by(InternalErrorKind::Module, "starting a request to a module", source)
        })?;
        Ok(Given::Pending { id, held: costs::request_ram(request.len()) })
    }

    pub(super) fn trace_message(&mut self, text: &str) -> Granted {
        self.vm.transaction_mut()?.node.host.output(Stream::Trace, text.as_bytes());
        Ok(Given::Nothing)
    }

    /// Seconds since 1970: of the transaction, or in non-deterministic mode of the clocks that the sub-VM sees.
    pub(super) fn timestamp(&mut self) -> Granted {
        let seconds = self.vm.transaction_ref()?.now / 1_000_000_000;
        Ok(Given::Bytes(own::encode(&Value::Int(seconds.into()))))
    }

    /// Microseconds; always 0 in deterministic mode, where nobody may know the time.
    pub(super) fn trace_runtime(&mut self) -> Granted {
        let micros = match self.vm.mode {
            Mode::Deterministic => 0,
            Mode::NonDeterministic => self.vm.transaction_mut()?.node.clock.elapsed().as_micros(),
        };
        let bytes: Vec<u8> = own::encode(&Value::Int(micros.into()));
        Ok(Given::Bytes(bytes))
    }
}
