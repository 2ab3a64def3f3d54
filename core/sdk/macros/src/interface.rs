//! `#[interface]`: typed calls of another contract.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{ItemTrait, ReturnType, TraitItem, TraitItemFn};

use crate::names::{arguments, plain};

pub(crate) fn expand(item: &ItemTrait) -> syn::Result<TokenStream> {
    let functions = item.items.iter().map(|item| match item {
        TraitItem::Fn(function) if function.default.is_none() => call(function),
        other => Err(syn::Error::new_spanned(other, "an interface has functions without bodies, and nothing else")),
    });
    let functions = functions.collect::<syn::Result<Vec<_>>>()?;
    let (attributes, visibility, name) = (&item.attrs, &item.vis, &item.ident);
    Ok(quote! {
        #(#attributes)*
        #[derive(Clone, Copy, Debug)]
        #visibility struct #name(::subvm_sdk::chain::At);

        #[allow(dead_code)]
        impl #name {
            /// The contract at an address: nothing is sent along, and messages are delivered once this run is final.
            #visibility fn at(address: ::subvm_sdk::Address) -> Self {
                Self(::subvm_sdk::chain::At::new(address))
            }

            /// The contract, called as it says.
            #visibility fn with(at: ::subvm_sdk::chain::At) -> Self {
                Self(at)
            }

            #(#functions)*
        }
    })
}

fn call(function: &TraitItemFn) -> syn::Result<TokenStream> {
    let (changes, arguments) = arguments(&function.sig)?;
    let method = plain(&function.sig.ident);
    let bound: Vec<_> = (0..arguments.len()).map(|at| format_ident!("__{at}")).collect();
    let types = arguments.iter().map(|argument| &argument.ty);
    let mut entries: Vec<(String, TokenStream)> = arguments
        .iter()
        .zip(&bound)
        .map(|(argument, bound)| (argument.name.clone(), quote!(::subvm_sdk::rt::Encode::encode(&#bound, to))))
        .collect();
    entries.push(("method".to_owned(), quote!(to.str(#method))));
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    let (len, (keys, values)): (usize, (Vec<_>, Vec<_>)) = (entries.len(), entries.into_iter().unzip());
    let write = quote!(|to: &mut ::subvm_sdk::rt::Writer| { to.map(#len); #(to.key(#keys); #values;)* });
    let (attributes, name) = (&function.attrs, &function.sig.ident);
    let returned = match &function.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(<#ty as ::subvm_sdk::rt::Outcome>::Value),
    };
    let (returned, how) = if changes { (quote!(()), quote!(send)) } else { (returned, quote!(view)) };
    Ok(quote! {
        #(#attributes)*
        pub fn #name(&self, #(#bound: #types),*) -> ::subvm_sdk::Result<#returned> {
            self.0.#how(#write)
        }
    })
}
