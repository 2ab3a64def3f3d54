//! What a descriptor may be used for.

bitflags::bitflags! {
    /// The rights of `typenames.witx`, bit by bit.
    ///
    /// ```
    /// use subvm_core::fd::Rights;
    /// assert!(Rights::FILE.contains(Rights::FD_READ));
    /// assert!(!Rights::FILE.contains(Rights::FD_WRITE), "the tree is read-only");
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Rights: u64 {
        /// `fd_datasync`
        const FD_DATASYNC = 1 << 0;
        /// `fd_read`; with [`FD_SEEK`](Self::FD_SEEK) also `fd_pread`.
        const FD_READ = 1 << 1;
        /// `fd_seek`; implies [`FD_TELL`](Self::FD_TELL).
        const FD_SEEK = 1 << 2;
        /// `fd_fdstat_set_flags`
        const FD_FDSTAT_SET_FLAGS = 1 << 3;
        /// `fd_sync`
        const FD_SYNC = 1 << 4;
        /// `fd_tell`, and `fd_seek` where it moves nothing.
        const FD_TELL = 1 << 5;
        /// `fd_write`
        const FD_WRITE = 1 << 6;
        /// `fd_advise`
        const FD_ADVISE = 1 << 7;
        /// `fd_allocate`
        const FD_ALLOCATE = 1 << 8;
        /// `path_create_directory`
        const PATH_CREATE_DIRECTORY = 1 << 9;
        /// `path_open` with `creat`
        const PATH_CREATE_FILE = 1 << 10;
        /// `path_link`, as the source's directory
        const PATH_LINK_SOURCE = 1 << 11;
        /// `path_link`, as the target's directory
        const PATH_LINK_TARGET = 1 << 12;
        /// `path_open`
        const PATH_OPEN = 1 << 13;
        /// `fd_readdir`
        const FD_READDIR = 1 << 14;
        /// `path_readlink`
        const PATH_READLINK = 1 << 15;
        /// `path_rename`, as the source's directory
        const PATH_RENAME_SOURCE = 1 << 16;
        /// `path_rename`, as the target's directory
        const PATH_RENAME_TARGET = 1 << 17;
        /// `path_filestat_get`
        const PATH_FILESTAT_GET = 1 << 18;
        /// `path_open` with `trunc`
        const PATH_FILESTAT_SET_SIZE = 1 << 19;
        /// `path_filestat_set_times`
        const PATH_FILESTAT_SET_TIMES = 1 << 20;
        /// `fd_filestat_get`
        const FD_FILESTAT_GET = 1 << 21;
        /// `fd_filestat_set_size`
        const FD_FILESTAT_SET_SIZE = 1 << 22;
        /// `fd_filestat_set_times`
        const FD_FILESTAT_SET_TIMES = 1 << 23;
        /// `path_symlink`
        const PATH_SYMLINK = 1 << 24;
        /// `path_remove_directory`
        const PATH_REMOVE_DIRECTORY = 1 << 25;
        /// `path_unlink_file`
        const PATH_UNLINK_FILE = 1 << 26;
        /// `poll_oneoff`
        const POLL_FD_READWRITE = 1 << 27;
        /// `sock_shutdown`
        const SOCK_SHUTDOWN = 1 << 28;
        /// `sock_accept`
        const SOCK_ACCEPT = 1 << 29;
    }
}

impl Rights {
    /// What a message or a result may be used for: descriptor 0, and those that `gl_call` gives.
    pub const CONTENT: Self = Self::FD_READ.union(Self::FD_SEEK).union(Self::FD_TELL).union(Self::FD_FILESTAT_GET);

    /// What descriptors 1 and 2 may be used for.
    pub const STREAM: Self = Self::FD_WRITE.union(Self::FD_FILESTAT_GET);

    /// The most that a file can be used for.
    pub const FILE: Self = Self::CONTENT.union(Self::FD_ADVISE).union(Self::FD_SYNC).union(Self::FD_DATASYNC);

    /// The most that a directory can be used for, and what descriptor 3 may be.
    pub const DIRECTORY: Self =
        Self::PATH_OPEN.union(Self::FD_READDIR).union(Self::PATH_FILESTAT_GET).union(Self::FD_FILESTAT_GET);

    /// The most that what is opened below a directory can be used for, and what descriptor 3 hands on. It holds the right to write although
    /// nothing can be written: a libc asks only for what may be inherited, and must learn of the read-only tree from `path_open`.
    pub const BELOW: Self =
        Self::DIRECTORY.union(Self::FD_READ).union(Self::FD_SEEK).union(Self::FD_TELL).union(Self::FD_WRITE);
}
