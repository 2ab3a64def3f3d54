//! `#[event]`: a struct that is emitted.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Fields, ItemStruct};

use crate::names::{plain, take};
use crate::schema::Json;

/// Topics beside the name.
const TOPICS: usize = 3;
/// Bytes of a topic.
const NAME: usize = 32;

pub(crate) fn expand(mut item: ItemStruct) -> syn::Result<TokenStream> {
    let Fields::Named(fields) = &mut item.fields else {
        return Err(syn::Error::new_spanned(item, "an event is a struct with named fields"));
    };
    let mut topics = Vec::new();
    for field in &mut fields.named {
        if let (true, Some(ident)) = (take(&mut field.attrs, "topic"), &field.ident) {
            topics.push(ident.clone());
        }
    }
    if topics.len() > TOPICS {
        return Err(syn::Error::new_spanned(&topics[TOPICS], "an event has at most three topics beside its name"));
    }
    let topic_names: Vec<String> = topics.iter().map(plain).collect();
    let fields: Vec<_> =
        fields.named.iter().filter_map(|field| Some((plain(field.ident.as_ref()?), field.ty.clone()))).collect();
    let ident = item.ident.clone();
    let name = plain(&ident);
    if name.len() > NAME {
        return Err(syn::Error::new_spanned(&ident, "the name of an event has at most 32 bytes: it is a topic"));
    }
    let topic = name.bytes().chain(std::iter::repeat(0)).take(NAME);
    let mut json = Json::default();
    json.raw("{\"event\":").string(&name).raw(",\"fields\":").types(fields.iter().map(|(name, ty)| (&**name, ty)));
    json.raw(",\"topics\":[");
    for (position, topic) in topic_names.iter().enumerate() {
        json.raw(if position == 0 { "" } else { "," }).string(topic);
    }
    let line = json.raw("]}").line();
    let calldata = crate::calldata::encode(&DeriveInput::from(item.clone()))?;
    Ok(quote! {
        #item
        #calldata
        #line

        impl ::subvm_sdk::chain::Event for #ident {
            const NAME: &'static str = #name;
            const TOPIC: [u8; 32] = [#(#topic),*];

            fn topics(&self) -> ::subvm_sdk::rt::Topics {
                ::subvm_sdk::rt::Topics::from([#(::subvm_sdk::chain::topic(&self.#topics)),*])
            }
        }
    })
}
