//! Error numbers.

macro_rules! errnos {
    ($($variant:ident $name:literal,)*) => {
        /// What a WASI call answers: the numbers, and the order, of `typenames.witx`.
        ///
        /// ```
        /// use subvm_core::wasi::Errno;
        /// assert_eq!((Errno::Badf.number(), Errno::Badf.name()), (8, "EBADF"));
        /// assert_eq!(Errno::ALL.len(), 77);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Errno {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Errno {
            /// Every number, from 0.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that traces print.
            ///
            /// ```
            /// assert_eq!(subvm_core::wasi::Errno::Badf.name(), "EBADF");
            /// ```
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

errnos! {
    Success "ESUCCESS",
    TooBig "E2BIG",
    Acces "EACCES",
    Addrinuse "EADDRINUSE",
    Addrnotavail "EADDRNOTAVAIL",
    Afnosupport "EAFNOSUPPORT",
    Again "EAGAIN",
    Already "EALREADY",
    Badf "EBADF",
    Badmsg "EBADMSG",
    Busy "EBUSY",
    Canceled "ECANCELED",
    Child "ECHILD",
    Connaborted "ECONNABORTED",
    Connrefused "ECONNREFUSED",
    Connreset "ECONNRESET",
    Deadlk "EDEADLK",
    Destaddrreq "EDESTADDRREQ",
    Dom "EDOM",
    Dquot "EDQUOT",
    Exist "EEXIST",
    Fault "EFAULT",
    Fbig "EFBIG",
    Hostunreach "EHOSTUNREACH",
    Idrm "EIDRM",
    Ilseq "EILSEQ",
    Inprogress "EINPROGRESS",
    Intr "EINTR",
    Inval "EINVAL",
    Io "EIO",
    Isconn "EISCONN",
    Isdir "EISDIR",
    Loop "ELOOP",
    Mfile "EMFILE",
    Mlink "EMLINK",
    Msgsize "EMSGSIZE",
    Multihop "EMULTIHOP",
    Nametoolong "ENAMETOOLONG",
    Netdown "ENETDOWN",
    Netreset "ENETRESET",
    Netunreach "ENETUNREACH",
    Nfile "ENFILE",
    Nobufs "ENOBUFS",
    Nodev "ENODEV",
    Noent "ENOENT",
    Noexec "ENOEXEC",
    Nolck "ENOLCK",
    Nolink "ENOLINK",
    Nomem "ENOMEM",
    Nomsg "ENOMSG",
    Noprotoopt "ENOPROTOOPT",
    Nospc "ENOSPC",
    Nosys "ENOSYS",
    Notconn "ENOTCONN",
    Notdir "ENOTDIR",
    Notempty "ENOTEMPTY",
    Notrecoverable "ENOTRECOVERABLE",
    Notsock "ENOTSOCK",
    Notsup "ENOTSUP",
    Notty "ENOTTY",
    Nxio "ENXIO",
    Overflow "EOVERFLOW",
    Ownerdead "EOWNERDEAD",
    Perm "EPERM",
    Pipe "EPIPE",
    Proto "EPROTO",
    Protonosupport "EPROTONOSUPPORT",
    Prototype "EPROTOTYPE",
    Range "ERANGE",
    Rofs "EROFS",
    Spipe "ESPIPE",
    Srch "ESRCH",
    Stale "ESTALE",
    Timedout "ETIMEDOUT",
    Txtbsy "ETXTBSY",
    Xdev "EXDEV",
    Notcapable "ENOTCAPABLE",
}

impl Errno {
    /// The number that the guest gets.
    ///
    /// ```
    /// assert_eq!(subvm_core::wasi::Errno::Notcapable.number(), 76);
    /// ```
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The error with this number, if there is one.
    ///
    /// ```
    /// use subvm_core::wasi::Errno;
    /// assert_eq!([8, 77].map(Errno::from_number), [Some(Errno::Badf), None]);
    /// ```
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spot checks against `typenames.witx`, spread over the list so that a missing or doubled line shows.
    #[test]
    fn numbers_are_those_of_the_witx() {
        for (errno, number) in [
            (Errno::Success, 0),
            (Errno::TooBig, 1),
            (Errno::Acces, 2),
            (Errno::Badf, 8),
            (Errno::Exist, 20),
            (Errno::Ilseq, 25),
            (Errno::Inval, 28),
            (Errno::Io, 29),
            (Errno::Isdir, 31),
            (Errno::Nametoolong, 37),
            (Errno::Noent, 44),
            (Errno::Notdir, 54),
            (Errno::Notsup, 58),
            (Errno::Rofs, 69),
            (Errno::Spipe, 70),
            (Errno::Notcapable, 76),
        ] {
            assert_eq!(errno.number(), number, "{errno:?}");
        }
        assert_eq!(Errno::ALL.len(), 77);
    }

    #[test]
    fn numbers_lead_back() {
        for &errno in Errno::ALL {
            assert_eq!(Errno::from_number(errno.number()), Some(errno));
        }
        assert_eq!(Errno::from_number(77), None);
        assert_eq!(Errno::from_number(u32::MAX), None);
    }
}
