//! Contracts' code.

use std::sync::Arc;

use subvm_core::wasi::Refused;
use subvm_core::{Library, Package, Parts};

use crate::border::{Sized_, argument, array, borrowed, guard, or, put, sized, slice, text, written};
use crate::buffer::subvm_buffer_t;
use crate::error::{SUBVM_ERROR_REFUSED, subvm_error_t};
use crate::{subvm_bytes_t, subvm_word_t};

/// A contract's code, checked: its modules, files, arguments and environment. It never changes; any number of threads may use it at once. Free it
/// with subvm_package_free; runs that were given it may go on.
pub struct subvm_package_t(pub(crate) Arc<Package>);

/// A name and some bytes: a library and its module, a file's path and its content, a variable and its value. Names are UTF-8.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_named_t {
    /// The name.
    pub name: subvm_bytes_t,
    /// The bytes.
    pub content: subvm_bytes_t,
}

/// What a package is made of. Where all but `size` and `start` is zero, it is one module.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_parts_t {
    /// sizeof(subvm_parts_t).
    pub size: usize,
    /// The module whose entry is called.
    pub start: subvm_bytes_t,
    /// Modules linked before it, in this order.
    pub libraries: *const subvm_named_t,
    /// How many.
    pub libraries_len: usize,
    /// Files, by absolute path.
    pub files: *const subvm_named_t,
    /// How many.
    pub files_len: usize,
    /// Paths of directories that are there though no file is below them.
    pub directories: *const subvm_bytes_t,
    /// How many.
    pub directories_len: usize,
    /// Paths of directories that are announced beside `/`.
    pub roots: *const subvm_bytes_t,
    /// How many.
    pub roots_len: usize,
    /// Arguments.
    pub args: *const subvm_bytes_t,
    /// How many.
    pub args_len: usize,
    /// Variables of the environment.
    pub env: *const subvm_named_t,
    /// How many.
    pub env_len: usize,
}

impl Sized_ for subvm_parts_t {
    const NAME: &'static str = "subvm_parts_t";
}

/// # Safety
/// The pointers in `parts` are as the header says.
unsafe fn parts(parts: &subvm_parts_t) -> Result<Parts, subvm_error_t> {
    // SAFETY: in each of these, as the caller promises.
    let texts = |data, len, name: &str| unsafe {
        let item = |item: &subvm_bytes_t| text(*item, name).map(str::to_owned);
        array(data, len, name)?.iter().map(item).collect::<Result<Vec<_>, _>>()
    };
    // SAFETY: as before.
    let named = |data: *const subvm_named_t, len, name: &str| unsafe {
        let item = |item: &subvm_named_t| Ok((text(item.name, name)?.to_owned(), slice(item.content, name)?));
        array(data, len, name)?.iter().map(item).collect::<Result<Vec<_>, subvm_error_t>>()
    };
    let value = |(name, value): (String, &[u8])| match std::str::from_utf8(value) {
        Ok(value) => Ok((name, value.to_owned())),
        Err(error) => Err(argument(format!("the value of env {name} is not UTF-8: {error}"))),
    };
    let libraries = named(parts.libraries, parts.libraries_len, "libraries")?.into_iter();
    let files = named(parts.files, parts.files_len, "files")?.into_iter();
    Ok(Parts {
        // SAFETY: as before.
        start: unsafe { slice(parts.start, "start")? }.into(),
        libraries: libraries.map(|(name, wasm)| Library { name, wasm: wasm.into() }).collect(),
        files: files.map(|(path, bytes)| (path, bytes.into())).collect(),
        directories: texts(parts.directories, parts.directories_len, "directories")?,
        roots: texts(parts.roots, parts.roots_len, "roots")?,
        args: texts(parts.args, parts.args_len, "args")?,
        env: named(parts.env, parts.env_len, "env")?.into_iter().map(value).collect::<Result<_, _>>()?,
    })
}

/// Makes a package of its parts, which are copied. Names that an environment may not hold are the default parameters' here; what a chain's own
/// parameters refuse shows when it runs.
///
/// SUBVM_ERROR_REFUSED where the rules do not allow it: to consensus that is a malformed contract (subvm_host_t, `code`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_package_new(
    made_of: *const subvm_parts_t,
    package: *mut *mut subvm_package_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let parts = unsafe { parts(&sized(made_of)?)? };
        let checked = parts.check(&Refused::default());
        let checked = checked.map_err(|error| subvm_error_t::of(SUBVM_ERROR_REFUSED, &error))?;
        // SAFETY: by the rules for pointers.
        unsafe { give(package, checked) }
    })
}

/// # Safety
/// As for [`put`].
unsafe fn give(to: *mut *mut subvm_package_t, package: Package) -> Result<(), subvm_error_t> {
    if to.is_null() {
        return Err(argument("package is NULL"));
    }
    let package = Box::into_raw(Box::new(subvm_package_t(Arc::new(package))));
    // SAFETY: as the caller promises.
    unsafe { put(to, "package", package) }
}

/// Reads a bundle: what `DeployContract` carries as `code`.
///
/// SUBVM_ERROR_FORMAT where it is none: to consensus that is a malformed contract (subvm_host_t, `code`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_package_from_bundle(
    bundle: subvm_bytes_t,
    package: *mut *mut subvm_package_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let bundle = unsafe { slice(bundle, "bundle")? };
        let read = Package::from_bundle(bundle).map_err(|error| subvm_error_t::format("bundle", &error))?;
        // SAFETY: by the rules for pointers.
        unsafe { give(package, read) }
    })
}

/// Writes a package as a bundle, of which it has one only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_package_to_bundle(
    package: *const subvm_package_t,
    bundle: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (package, bundle) = unsafe { (borrowed(package, "package")?, written(bundle, "bundle")?) };
        bundle.set(package.0.to_bundle());
        Ok(())
    })
}

/// The digest by which nodes name a package.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_package_digest(
    package: *const subvm_package_t,
    digest: *mut subvm_word_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let package = unsafe { borrowed(package, "package")? };
        // SAFETY: by the rules for pointers.
        unsafe { put(digest, "digest", subvm_word_t { bytes: package.0.digest() }) }
    })
}

/// Frees a package. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_package_free(package: *mut subvm_package_t) {
    or((), || {
        if !package.is_null() {
            // SAFETY: it was handed out by `give`, and the caller has no further use for it.
            drop(unsafe { Box::from_raw(package) });
        }
    });
}
