//! Transactions: what an account asks for, and its signature.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use subvm_core::wire::{Read, Source, Wrong};
use subvm_core::{Address, Gas};

use crate::form::Form;
use crate::ids::{CallId, Key, TxId, address, digest};
use crate::refusal::Refusal;

/// What a transaction does.
///
/// Money is in the chain's smallest unit, which has 128 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends money to an account. To a contract it is a call without data.
    Transfer {
        /// To whom.
        to: Address,
        /// How much.
        value: u128,
    },
    /// Calls a contract.
    Call {
        /// Which.
        to: Address,
        /// The money that goes along.
        value: u128,
        /// The calldata.
        data: Vec<u8>,
    },
    /// Deploys a contract, and runs its constructor; its address is [`contract_address`](crate::contract_address).
    Deploy {
        /// [`Package::to_bundle`](subvm_core::Package::to_bundle).
        bundle: Vec<u8>,
        /// The money that goes along.
        value: u128,
        /// The constructor's calldata.
        data: Vec<u8>,
    },
    /// Has a larger committee judge a result that is not final yet. The sender leaves a bond, which is lost where nothing changes.
    Appeal {
        /// The call whose result it is.
        call: CallId,
    },
}

impl Action {
    /// The money that goes along.
    #[must_use]
    pub fn value(&self) -> u128 {
        match self {
            Self::Transfer { value, .. } | Self::Call { value, .. } | Self::Deploy { value, .. } => *value,
            Self::Appeal { .. } => 0,
        }
    }
}

/// A transaction, as its sender signs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tx {
    /// The chain that it is for.
    pub chain_id: u64,
    /// Who sends and pays it: the public key.
    pub from: Key,
    /// How many the sender sent before.
    pub nonce: u64,
    /// The most that it may use, with all that it leads to.
    pub gas: Gas,
    /// Whether it may ask the web or a model, so that its result is voted on. Without it such a call fails.
    pub nondet: bool,
    /// What it does.
    pub action: Action,
}

impl Tx {
    /// The version of the layout.
    pub const VERSION: u16 = 1;

    /// Who sends and pays it.
    #[must_use]
    pub fn sender(&self) -> Address {
        address(&self.from)
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> TxId {
        TxId(digest("transaction", &[&self.bytes()]))
    }

    /// The encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes()
    }

    /// The transaction that has these bytes, and no other.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::whole(bytes).map_err(|wrong| Refusal::Malformed(said(wrong)))
    }

    /// What its sender signs: a prefix, so that the signature is worth nothing elsewhere, and [`to_bytes`](Self::to_bytes).
    #[must_use]
    pub fn signing_bytes(&self) -> Vec<u8> {
        let mut out = b"subvm transaction, version 1".to_vec();
        self.put(&mut out);
        out
    }
}

/// A transaction and its signature, which nobody has checked yet.
///
/// ```
/// use ed25519_dalek::SigningKey;
/// use subvm_chain::{Action, SignedTx, Tx};
/// use subvm_core::{Address, Gas};
///
/// let key = SigningKey::from_bytes(&[7; 32]);
/// let action = Action::Transfer { to: Address([1; 20]), value: 5 };
/// let from = key.verifying_key().to_bytes();
/// let signed = SignedTx::sign(Tx { chain_id: 1, from, nonce: 0, gas: Gas::default(), nondet: false, action }, &key);
/// let back = SignedTx::from_bytes(&signed.to_bytes())?;
/// assert_eq!((back.check(), back.tx.id()), (Ok(()), signed.tx.id()));
/// # Ok::<(), subvm_chain::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTx {
    /// What was signed.
    pub tx: Tx,
    /// The signature of [`Tx::signing_bytes`], 64 bytes.
    pub signature: [u8; 64],
}

impl SignedTx {
    /// Signs a transaction.
    #[must_use]
    pub fn sign(tx: Tx, key: &SigningKey) -> Self {
        let signature = key.sign(&tx.signing_bytes()).to_bytes();
        Self { tx, signature }
    }

    /// Whether the signature is the sender's: strictly, so that no weak key and no second form of a signature passes.
    ///
    /// # Errors
    /// [`Refusal::Signature`].
    pub fn check(&self) -> Result<(), Refusal> {
        if signed(&self.tx.from, &self.tx.signing_bytes(), &self.signature) { Ok(()) } else { Err(Refusal::Signature) }
    }

    /// Its encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes()
    }

    /// The transaction that has these bytes, and no other.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::whole(bytes).map_err(|wrong| Refusal::Malformed(said(wrong)))
    }
}

pub(crate) fn said(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Ends => "the bytes end before it does",
        Wrong::Malformed(why) => why,
    }
}

/// Whether a signature is that key's on a message. Strict: neither weak keys nor other forms of a signature.
#[cfg(not(feature = "simulation"))]
#[must_use]
pub fn signed(key: &Key, message: &[u8], signature: &[u8; 64]) -> bool {
    verified(key, message, signature)
}

/// Whether a signature is that key's on a message. Strict: neither weak keys nor other forms of a signature. Each of many nodes in a thread asks:
/// the answer to one is the answer to all.
#[cfg(feature = "simulation")]
#[must_use]
pub fn signed(key: &Key, message: &[u8], signature: &[u8; 64]) -> bool {
    KNOWN.with_borrow_mut(|known| {
        if known.len() > 100_000 {
            known.clear();
        }
        let question = digest("question", &[key, message, signature]);
        *known.entry(question).or_insert_with(|| verified(key, message, signature))
    })
}

#[cfg(feature = "simulation")]
thread_local! {
    static KNOWN: std::cell::RefCell<std::collections::HashMap<[u8; 32], bool>> = std::cell::RefCell::default();
}

/// Forgets the signatures that this thread knows, so that the next is looked at again: where it is measured what that costs.
#[cfg(feature = "simulation")]
pub fn forget_signatures() {
    KNOWN.with_borrow_mut(std::collections::HashMap::clear);
}

fn verified(key: &Key, message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

impl Form for Action {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Transfer { to, value } => {
                out.push(0);
                to.put(out);
                value.put(out);
            }
            Self::Call { to, value, data } => {
                out.push(1);
                to.put(out);
                value.put(out);
                data.put(out);
            }
            Self::Deploy { bundle, value, data } => {
                out.push(2);
                bundle.put(out);
                value.put(out);
                data.put(out);
            }
            Self::Appeal { call } => {
                out.push(3);
                call.put(out);
            }
        }
    }

    fn take(source: &mut Source<'_>) -> Read<Self> {
        Ok(match source.byte()? {
            0 => Self::Transfer { to: Form::take(source)?, value: Form::take(source)? },
            1 => Self::Call { to: Form::take(source)?, value: Form::take(source)?, data: Form::take(source)? },
            2 => Self::Deploy { bundle: Form::take(source)?, value: Form::take(source)?, data: Form::take(source)? },
            3 => Self::Appeal { call: Form::take(source)? },
            _ => return Err(Wrong::Malformed("it does nothing that there is")),
        })
    }
}

impl Form for Tx {
    fn put(&self, out: &mut Vec<u8>) {
        Self::VERSION.put(out);
        self.chain_id.put(out);
        self.from.put(out);
        self.nonce.put(out);
        self.gas.put(out);
        self.nondet.put(out);
        self.action.put(out);
    }

    fn take(source: &mut Source<'_>) -> Read<Self> {
        if u16::take(source)? != Self::VERSION {
            return Err(Wrong::Malformed("it has another version"));
        }
        Ok(Self {
            chain_id: Form::take(source)?,
            from: Form::take(source)?,
            nonce: Form::take(source)?,
            gas: Form::take(source)?,
            nondet: Form::take(source)?,
            action: Form::take(source)?,
        })
    }
}

impl Form for SignedTx {
    fn put(&self, out: &mut Vec<u8>) {
        self.tx.put(out);
        self.signature.put(out);
    }

    fn take(source: &mut Source<'_>) -> Read<Self> {
        Ok(Self { tx: Form::take(source)?, signature: Form::take(source)? })
    }
}
