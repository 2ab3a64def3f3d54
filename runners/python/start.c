/* The start module of contracts in Python: CPython, with everything fixed that it otherwise looks for.
 *
 * `snapshot` sets the interpreter up and imports what contracts usually need. `subvm snapshot` writes down what the machine has become then;
 * `_start` of that only runs the contract. In a module that has not been set up yet it does both.
 *
 * Nothing that is set up may depend on a run: until then no clock, no environment and no message is asked of the host. What CPython asks in
 * spite of that is answered here (--wrap). What runs, and how, is in lib/_runner.py.
 */
#include "Python.h"

#include <stdint.h>
#include <string.h>
#include <wasi/api.h>

/* The root as descriptor 3, which a contract's sub-VM has and does not announce (docs/spec/wasi.md, Personalities). */
#define ROOT 3

static int started;

__wasi_errno_t
__wrap___wasi_fd_prestat_get(__wasi_fd_t fd, __wasi_prestat_t *result)
{
    if (fd != ROOT) {
        return __WASI_ERRNO_BADF;
    }
    result->tag = __WASI_PREOPENTYPE_DIR;
    result->u.dir.pr_name_len = 1;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t
__wrap___wasi_fd_prestat_dir_name(__wasi_fd_t fd, uint8_t *path, __wasi_size_t len)
{
    if (fd != ROOT || len < 1) {
        return __WASI_ERRNO_BADF;
    }
    path[0] = '/';
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_filestat_get(__wasi_fd_t fd, __wasi_filestat_t *stat);

/* Of the three streams, that they are there: the size of the message is another one in each run. */
__wasi_errno_t
__wrap___wasi_fd_filestat_get(__wasi_fd_t fd, __wasi_filestat_t *stat)
{
    if (started || fd >= ROOT) {
        return __real___wasi_fd_filestat_get(fd, stat);
    }
    memset(stat, 0, sizeof(*stat));
    stat->filetype = __WASI_FILETYPE_CHARACTER_DEVICE;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __real___wasi_fd_seek(__wasi_fd_t fd, __wasi_filedelta_t offset, __wasi_whence_t whence, __wasi_filesize_t *now);

/* Nor where they stand: they are no files. */
__wasi_errno_t
__wrap___wasi_fd_seek(__wasi_fd_t fd, __wasi_filedelta_t offset, __wasi_whence_t whence, __wasi_filesize_t *now)
{
    return started || fd >= ROOT ? __real___wasi_fd_seek(fd, offset, whence, now) : __WASI_ERRNO_SPIPE;
}

__wasi_errno_t __real___wasi_fd_tell(__wasi_fd_t fd, __wasi_filesize_t *now);

__wasi_errno_t
__wrap___wasi_fd_tell(__wasi_fd_t fd, __wasi_filesize_t *now)
{
    return started || fd >= ROOT ? __real___wasi_fd_tell(fd, now) : __WASI_ERRNO_SPIPE;
}

__wasi_errno_t __real___wasi_clock_time_get(__wasi_clockid_t id, __wasi_timestamp_t precision, __wasi_timestamp_t *time);

/* 2024-01-01T00:00:00Z: CPython looks at its clocks to see whether they go. */
__wasi_errno_t
__wrap___wasi_clock_time_get(__wasi_clockid_t id, __wasi_timestamp_t precision, __wasi_timestamp_t *time)
{
    if (started) {
        return __real___wasi_clock_time_get(id, precision, time);
    }
    *time = UINT64_C(1704067200000000000);
    return __WASI_ERRNO_SUCCESS;
}

/* No environment, ever: one order of sets, one language, on every node. */
__wasi_errno_t
__wrap___wasi_environ_sizes_get(__wasi_size_t *count, __wasi_size_t *size)
{
    *count = *size = 0;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t
__wrap___wasi_environ_get(uint8_t **environ, uint8_t *text)
{
    (void)environ, (void)text;
    return __WASI_ERRNO_SUCCESS;
}

#define CHECK(what) do { status = (what); if (PyStatus_Exception(status)) goto failed; } while (0)
#define TEXT(field, text) CHECK(PyConfig_SetBytesString(&config, &config.field, text))

static void
set_up(void)
{
    PyStatus status;
    PyConfig config;
    PyPreConfig pre;

    PyPreConfig_InitIsolatedConfig(&pre);
    pre.utf8_mode = 1;
    pre.coerce_c_locale = 0;
    PyConfig_InitIsolatedConfig(&config);
    CHECK(Py_PreInitialize(&pre));
    config.use_hash_seed = 1; /* with hash_seed 0 */
    config.site_import = 0;
    config.write_bytecode = 0;
    config.install_signal_handlers = 0;
    config.pathconfig_warnings = 0;
    config.parse_argv = 0;
    config.user_site_directory = 0;
    config.buffered_stdio = 1;
    TEXT(program_name, "python");
    TEXT(executable, "/python");
    TEXT(base_executable, "/python");
    TEXT(home, "/");
    TEXT(prefix, "/");
    TEXT(exec_prefix, "/");
    TEXT(base_prefix, "/");
    TEXT(base_exec_prefix, "/");
    TEXT(stdlib_dir, "/lib/python");
    TEXT(stdio_encoding, "utf-8");
    TEXT(stdio_errors, "backslashreplace");
    TEXT(filesystem_encoding, "utf-8");
    TEXT(filesystem_errors, "surrogateescape");
    TEXT(check_hash_pycs_mode, "never");
    config.module_search_paths_set = 1;
    CHECK(PyWideStringList_Append(&config.module_search_paths, L"/lib/python.zip"));
    CHECK(PyWideStringList_Append(&config.module_search_paths, L"/lib/more"));
    CHECK(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
    return;

failed:
    PyConfig_Clear(&config);
    Py_ExitStatusException(status);
}

/* Calls a function of _runner without arguments or with one, and gives what it returns; there is no way on where it raises. */
static PyObject *
call(const char *name, PyObject *argument)
{
    PyObject *runner = PyImport_ImportModule("_runner");
    PyObject *result = NULL;
    if (runner != NULL) {
        PyObject *function = PyObject_GetAttrString(runner, name);
        if (function != NULL) {
            result = argument != NULL ? PyObject_CallOneArg(function, argument) : PyObject_CallNoArgs(function);
            Py_DECREF(function);
        }
        Py_DECREF(runner);
    }
    if (result == NULL) {
        PyErr_Print();
        __wasi_proc_exit(1);
    }
    return result;
}

extern void __wasm_call_ctors(void);

__attribute__((export_name("snapshot"))) void
snapshot(void)
{
    __wasm_call_ctors();
    set_up();
    Py_DECREF(call("set_up", NULL));
    started = 1;
}

/* The arguments as a list, in which nothing is decoded that is not UTF-8. */
static PyObject *
arguments(void)
{
    __wasi_size_t count = 0, size = 0;
    PyObject *list = PyList_New(0);
    if (__wasi_args_sizes_get(&count, &size) != 0 || count == 0 || list == NULL) {
        return list;
    }
    uint8_t **args = PyMem_Malloc(((size_t)count + 1) * sizeof(uint8_t *));
    uint8_t *text = PyMem_Malloc(size);
    if (args != NULL && text != NULL && __wasi_args_get(args, text) == 0) {
        for (__wasi_size_t i = 0; i < count; i++) {
            PyObject *argument = PyUnicode_DecodeFSDefault((const char *)args[i]);
            if (argument == NULL || PyList_Append(list, argument) != 0) {
                PyErr_Print();
                __wasi_proc_exit(1);
            }
            Py_DECREF(argument);
        }
    }
    PyMem_Free(args);
    PyMem_Free(text);
    return list;
}

__attribute__((export_name("_start"))) void
_start(void)
{
    if (!started) {
        snapshot();
    }
    PyObject *args = arguments();
    PyObject *result = call("main", args);
    long status = PyLong_AsLong(result);
    if (status != 0) {
        __wasi_proc_exit((__wasi_exitcode_t)status);
    }
}
