//! The table is the specification's.

use subvm_core::costs::instructions::Schedule;
use subvm_core::wasi::{FUNCTIONS, MODULE, ParamType, function};

/// Names and types as `wasi_snapshot_preview1.witx` has them, written down again: `i` is an i32, `I` an i64.
const WITX: &str = "\
args_get ii
args_sizes_get ii
environ_get ii
environ_sizes_get ii
clock_res_get ii
clock_time_get iIi
fd_advise iIIi
fd_allocate iII
fd_close i
fd_datasync i
fd_fdstat_get ii
fd_fdstat_set_flags ii
fd_fdstat_set_rights iII
fd_filestat_get ii
fd_filestat_set_size iI
fd_filestat_set_times iIIi
fd_pread iiiIi
fd_prestat_get ii
fd_prestat_dir_name iii
fd_pwrite iiiIi
fd_read iiii
fd_readdir iiiIi
fd_renumber ii
fd_seek iIii
fd_sync i
fd_tell ii
fd_write iiii
path_create_directory iii
path_filestat_get iiiii
path_filestat_set_times iiiiIIi
path_link iiiiiii
path_open iiiiiIIii
path_readlink iiiiii
path_remove_directory iii
path_rename iiiiii
path_symlink iiiii
path_unlink_file iii
poll_oneoff iiii
proc_exit i
proc_raise i
sched_yield 
random_get ii
sock_accept iii
sock_recv iiiiii
sock_send iiiii
sock_shutdown ii
";

#[test]
fn every_function_is_there_in_order_with_its_signature() {
    let letter = |param: &ParamType| if *param == ParamType::I32 { 'i' } else { 'I' };
    let line =
        |f: &subvm_core::wasi::Function| format!("{} {}\n", f.name, f.types.iter().map(letter).collect::<String>());
    assert_eq!(FUNCTIONS.iter().map(line).collect::<String>(), WITX);
    assert_eq!(FUNCTIONS.len(), 46);
    assert_eq!(MODULE, "wasi_snapshot_preview1");
}

#[test]
fn all_but_proc_exit_return() {
    for f in &FUNCTIONS {
        assert_eq!(f.returns, f.name != "proc_exit", "{}", f.name);
        assert_eq!(f.params.len(), f.types.len(), "{}", f.name);
        assert!(Schedule::V1.call(f.base) > 0, "{} is free", f.name);
    }
}

#[test]
fn functions_are_found_by_name() {
    assert_eq!(function("fd_tell").unwrap().params, ["fd", "offset"]);
    assert!(function("fd_dup").is_none());
}
