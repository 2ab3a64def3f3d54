//! What a sub-VM may do. Source: `docs/spec/sub-vm.md`, *Permissions*.

bitflags::bitflags! {
    /// A set of permissions. A child's is a subset of its parent's, because it is only ever made from it by `&`.
    ///
    /// ```
    /// use subvm_core::Permissions;
    /// let reader = Permissions::DETERMINISTIC | Permissions::READ_STORAGE;
    /// // Allowing its sandbox more than it has itself allows nothing.
    /// assert_eq!(reader.sandbox(true, true), reader);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Permissions: u8 {
        /// It is reproduced to the byte.
        const DETERMINISTIC = 1;
        /// It reads storage and balances.
        const READ_STORAGE = 1 << 1;
        /// It writes storage.
        const WRITE_STORAGE = 1 << 2;
        /// It sends messages, deploys contracts and emits events.
        const SEND_MESSAGES = 1 << 3;
        /// It calls other contracts.
        const CALL_OTHERS = 1 << 4;
        /// It runs non-deterministic blocks; needs `DETERMINISTIC` too.
        const SPAWN_NONDET = 1 << 5;
    }
}

impl Permissions {
    /// Those of a sandbox of a sub-VM that has these.
    #[must_use]
    pub fn sandbox(self, allow_write_storage: bool, allow_send_messages: bool) -> Self {
        let mut allowed = Self::DETERMINISTIC | Self::READ_STORAGE;
        allowed.set(Self::WRITE_STORAGE, allow_write_storage);
        allowed.set(Self::SEND_MESSAGES, allow_send_messages);
        self & allowed
    }

    /// Those of a contract that a sub-VM with these calls.
    ///
    /// ```
    /// use subvm_core::Permissions;
    /// let called = Permissions::all().call_contract();
    /// assert!(called.contains(Permissions::READ_STORAGE) && !called.contains(Permissions::WRITE_STORAGE));
    /// assert!(Permissions::nondet().is_empty());
    /// ```
    #[must_use]
    pub fn call_contract(self) -> Self {
        self & (Self::DETERMINISTIC | Self::READ_STORAGE | Self::CALL_OTHERS)
    }

    /// Those of a non-deterministic block: none.
    #[must_use]
    pub fn nondet() -> Self {
        Self::empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Permissions;

    #[test]
    fn no_child_has_what_its_parent_lacks() {
        for bits in 0..=Permissions::all().bits() {
            let parent = Permissions::from_bits_truncate(bits);
            let sandboxes =
                [(false, false), (false, true), (true, false), (true, true)].map(|(w, s)| parent.sandbox(w, s));
            for child in sandboxes.into_iter().chain([parent.call_contract(), Permissions::nondet()]) {
                assert!(parent.contains(child), "{child:?} of {parent:?}");
                assert!(!child.contains(Permissions::SPAWN_NONDET));
            }
        }
    }
}
