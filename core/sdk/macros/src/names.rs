//! Names as callers write them, and what is refused.

use proc_macro::TokenStream;
use syn::{Attribute, FnArg, Ident, Pat, Signature, Type};

/// # Errors
/// Arguments where the macro takes none.
pub(crate) fn none(arguments: TokenStream) -> syn::Result<()> {
    let arguments = proc_macro2::TokenStream::from(arguments);
    if arguments.is_empty() { Ok(()) } else { Err(syn::Error::new_spanned(arguments, "this takes no arguments")) }
}

/// A name without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// Takes the attribute of this name away; whether it was there.
pub(crate) fn take(attributes: &mut Vec<Attribute>, name: &str) -> bool {
    let before = attributes.len();
    attributes.retain(|attribute| !attribute.path().is_ident(name));
    attributes.len() < before
}

/// An argument of a method.
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) ty: Type,
}

/// Whether a function takes `&mut self`, and its other arguments.
///
/// # Errors
/// What has no name, or could not come with a message.
pub(crate) fn arguments(signature: &Signature) -> syn::Result<(bool, Vec<Argument>)> {
    let refused = |tokens: &dyn quote::ToTokens, why: &str| Err(syn::Error::new_spanned(tokens.to_token_stream(), why));
    if !signature.generics.params.is_empty() || signature.asyncness.is_some() {
        return refused(
            signature,
            "a method has no generic parameters and is not async: a message says what it is given",
        );
    }
    let mut inputs = signature.inputs.iter();
    let Some(FnArg::Receiver(receiver)) = inputs.next() else {
        return refused(signature, "a method takes &self, as a view, or &mut self");
    };
    if receiver.reference.is_none() {
        return refused(receiver, "a method takes &self, as a view, or &mut self");
    }
    let mut arguments = Vec::new();
    for input in inputs {
        let FnArg::Typed(typed) = input else { return refused(input, "an argument has a name and a type") };
        let Pat::Ident(name) = &*typed.pat else {
            return refused(&typed.pat, "an argument has a plain name: callers write it");
        };
        if matches!(&*typed.ty, Type::Reference(_)) {
            return refused(&typed.ty, "an argument is owned: String rather than &str, Vec rather than a slice");
        }
        let name = plain(&name.ident);
        if name == "method" {
            return refused(
                &typed.pat,
                "no argument is called `method`: under this key the call says which method it means",
            );
        }
        arguments.push(Argument { name, ty: (*typed.ty).clone() });
    }
    Ok((receiver.mutability.is_some(), arguments))
}
