//! The `subvm` command. Everything it does stands in the library's `cli` module.

fn main() -> std::process::ExitCode {
    subvm_host_std::cli::main()
}
