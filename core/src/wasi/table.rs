//! The 46 functions, in the order of `wasi_snapshot_preview1.witx`: the one list from which the entries, the engine's linker, traces and
//! tests are made.

/// Hands the list of functions to the macro of the given name, as rows of
///
/// ```text
/// /// What it does.
/// name(parameter: i32, ..) -> answer, Price;
/// ```
///
/// where `Price` names the base price, a [`Price`](crate::costs::calls::Price), and the answer is
/// `errno` for a function that does something, `never` for one that does not come back, the name of an [`Errno`](crate::wasi::Errno)
/// for one that always answers it, and `personal` for one that does the one or the other as the personality has it. All but those that never come back return one i32 to the guest.
///
/// ```
/// macro_rules! names {
///     ($($(#[$doc:meta])* $name:ident($($param:ident: $type:ident),*) -> $answer:ident, $price:ident;)*) => {
///         [$(stringify!($name)),*]
///     };
/// }
/// let names = subvm_core::wasi_functions!(names);
/// assert_eq!((names.len(), names[45]), (46, "sock_shutdown"));
/// ```
#[macro_export]
macro_rules! wasi_functions {
    ($callback:ident) => {
        $callback! {
            /// Writes the arguments: pointers to `argv`, the strings, each ended by a NUL, to `argv_buf`.
            args_get(argv: i32, argv_buf: i32) -> errno, Transfer;
            /// Writes the number of arguments and the bytes that they take.
            args_sizes_get(argc: i32, argv_buf_size: i32) -> errno, Value;
            /// Writes the environment: pointers to `environ`, the strings, each ended by a NUL, to `environ_buf`.
            environ_get(environ: i32, environ_buf: i32) -> errno, Transfer;
            /// Writes the number of variables and the bytes that they take.
            environ_sizes_get(environc: i32, environ_buf_size: i32) -> errno, Value;
            /// Writes 1.
            clock_res_get(id: i32, resolution: i32) -> errno, Value;
            /// Writes the transaction's instant and what was waited for since, in nanoseconds since the epoch.
            clock_time_get(id: i32, precision: i64, time: i32) -> errno, Value;
            /// Does nothing.
            fd_advise(fd: i32, offset: i64, len: i64, advice: i32) -> Success, Answer;
            /// Refuses.
            fd_allocate(fd: i32, offset: i64, len: i64) -> Rofs, Answer;
            /// Frees a descriptor.
            fd_close(fd: i32) -> errno, Descriptor;
            /// Does nothing.
            fd_datasync(fd: i32) -> Success, Answer;
            /// Writes a descriptor's kind and rights: 24 bytes.
            fd_fdstat_get(fd: i32, stat: i32) -> errno, Attributes;
            /// Refuses, or takes flags that change nothing.
            fd_fdstat_set_flags(fd: i32, flags: i32) -> personal, Answer;
            /// Refuses.
            fd_fdstat_set_rights(fd: i32, fs_rights_base: i64, fs_rights_inheriting: i64) -> Rofs, Answer;
            /// Writes a file's attributes: 64 bytes.
            fd_filestat_get(fd: i32, stat: i32) -> errno, Attributes;
            /// Refuses.
            fd_filestat_set_size(fd: i32, size: i64) -> Rofs, Answer;
            /// Refuses.
            fd_filestat_set_times(fd: i32, atim: i64, mtim: i64, fst_flags: i32) -> Rofs, Answer;
            /// Reads at `offset`, leaving the descriptor's own as it is.
            fd_pread(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nread: i32) -> errno, Transfer;
            /// Tells of a preopened directory: 8 bytes.
            fd_prestat_get(fd: i32, prestat: i32) -> errno, Descriptor;
            /// Writes the name of a preopened directory.
            fd_prestat_dir_name(fd: i32, path: i32, path_len: i32) -> errno, Descriptor;
            /// Refuses.
            fd_pwrite(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nwritten: i32) -> Notsup, Answer;
            /// Reads at the descriptor's offset, and moves it.
            fd_read(fd: i32, iovs: i32, iovs_len: i32, nread: i32) -> errno, Transfer;
            /// Lists a directory from entry `cookie` on, for as far as the buffer goes.
            fd_readdir(fd: i32, buf: i32, buf_len: i32, cookie: i64, bufused: i32) -> errno, Transfer;
            /// Lets `to` refer to what `fd` did, and frees `fd`.
            fd_renumber(fd: i32, to: i32) -> errno, Descriptor;
            /// Moves the descriptor's offset.
            fd_seek(fd: i32, offset: i64, whence: i32, newoffset: i32) -> errno, Descriptor;
            /// Does nothing.
            fd_sync(fd: i32) -> Success, Answer;
            /// Writes the descriptor's offset.
            fd_tell(fd: i32, offset: i32) -> errno, Descriptor;
            /// Hands bytes to the host's output.
            fd_write(fd: i32, iovs: i32, iovs_len: i32, nwritten: i32) -> errno, Transfer;
            /// Refuses.
            path_create_directory(fd: i32, path: i32, path_len: i32) -> Rofs, Answer;
            /// Writes the attributes of what a path leads to: 64 bytes.
            path_filestat_get(fd: i32, flags: i32, path: i32, path_len: i32, stat: i32) -> errno, Walk;
            /// Refuses.
            path_filestat_set_times(
                fd: i32, flags: i32, path: i32, path_len: i32, atim: i64, mtim: i64, fst_flags: i32
            ) -> Rofs, Answer;
            /// Refuses.
            path_link(
                old_fd: i32, old_flags: i32, old_path: i32, old_path_len: i32, new_fd: i32, new_path: i32, new_path_len: i32
            ) -> Rofs, Answer;
            /// Opens what a path leads to, and writes the new descriptor.
            path_open(
                dirfd: i32, dirflags: i32, path: i32, path_len: i32, oflags: i32, fs_rights_base: i64, fs_rights_inheriting: i64,
                fdflags: i32, fd: i32
            ) -> errno, Walk;
            /// Refuses: there are no symbolic links.
            path_readlink(fd: i32, path: i32, path_len: i32, buf: i32, buf_len: i32, bufused: i32) -> personal, Answer;
            /// Refuses.
            path_remove_directory(fd: i32, path: i32, path_len: i32) -> personal, Answer;
            /// Refuses.
            path_rename(
                fd: i32, old_path: i32, old_path_len: i32, new_fd: i32, new_path: i32, new_path_len: i32
            ) -> personal, Answer;
            /// Refuses.
            path_symlink(old_path: i32, old_path_len: i32, fd: i32, new_path: i32, new_path_len: i32) -> Rofs, Answer;
            /// Refuses.
            path_unlink_file(fd: i32, path: i32, path_len: i32) -> personal, Answer;
            /// Refuses, or lets the time pass that is waited for.
            poll_oneoff(subscriptions: i32, events: i32, nsubscriptions: i32, nevents: i32) -> personal, Answer;
            /// Ends the sub-VM.
            proc_exit(rval: i32) -> never, Value;
            /// Refuses.
            proc_raise(sig: i32) -> Notsup, Answer;
            /// Refuses, or does nothing.
            sched_yield() -> personal, Answer;
            /// Writes random bytes.
            random_get(buf: i32, buf_len: i32) -> errno, Random;
            /// Refuses.
            sock_accept(fd: i32, flags: i32, ro_fd: i32) -> Acces, Answer;
            /// Refuses.
            sock_recv(
                fd: i32, ri_data: i32, ri_data_len: i32, ri_flags: i32, ro_datalen: i32, ro_flags: i32
            ) -> Acces, Answer;
            /// Refuses.
            sock_send(fd: i32, si_data: i32, si_data_len: i32, si_flags: i32, so_datalen: i32) -> Acces, Answer;
            /// Refuses.
            sock_shutdown(fd: i32, how: i32) -> Acces, Answer;
        }
    };
}
