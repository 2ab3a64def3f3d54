//! `#[storage]`: a struct of places.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Fields, ItemStruct};

use crate::names::plain;

pub(crate) fn expand(item: &ItemStruct) -> syn::Result<TokenStream> {
    let Fields::Named(fields) = &item.fields else {
        return Err(syn::Error::new_spanned(
            item,
            "storage is a struct with named fields: names are where things are kept",
        ));
    };
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&item.generics, "storage has no generic parameters"));
    }
    let name = &item.ident;
    let idents: Vec<_> = fields.named.iter().filter_map(|field| field.ident.as_ref()).collect();
    let names: Vec<String> = idents.iter().map(|ident| plain(ident)).collect();
    // The slot of a field of the contract itself is known now: docs of `subvm_sdk::storage`, *Layout*.
    let slots = names.iter().map(|name| {
        let slot = blake3::hash(&[&[0; 33], name.as_bytes()].concat());
        let bytes = slot.as_bytes().iter();
        quote!([#(#bytes),*])
    });
    Ok(quote! {
        #item

        impl ::subvm_sdk::rt::Storage for #name {
            fn at(place: ::subvm_sdk::rt::Place) -> Self {
                Self { #(#idents: ::subvm_sdk::rt::Storage::at(place.field(#names))),* }
            }
        }

        impl ::subvm_sdk::rt::Root for #name {
            fn root() -> Self {
                Self { #(#idents: ::subvm_sdk::rt::Storage::at(::subvm_sdk::rt::Place::known(#slots, #names))),* }
            }
        }
    })
}
