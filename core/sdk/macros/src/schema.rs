//! The custom section `subvm.schema`: a JSON object a line, put together by the compiler.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

/// Pieces of JSON, in order.
#[derive(Default)]
pub(crate) struct Json {
    pieces: Vec<TokenStream>,
    text: String,
}

impl Json {
    /// Text as it stands.
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A string. Names need no escapes.
    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        self.raw("\"").raw(text).raw("\"")
    }

    /// What a type says of itself.
    pub(crate) fn ty(&mut self, ty: &Type) -> &mut Self {
        self.flush();
        self.pieces.push(quote!(<#ty as ::subvm_sdk::rt::Describe>::TYPE));
        self
    }

    /// A map of names to types.
    pub(crate) fn types<'a>(&mut self, types: impl Iterator<Item = (&'a str, &'a Type)>) -> &mut Self {
        self.raw("{");
        for (position, (name, ty)) in types.enumerate() {
            self.raw(if position == 0 { "" } else { "," }).string(name).raw(":").ty(ty);
        }
        self.raw("}")
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            self.pieces.push(quote!(::subvm_sdk::rt::Text::Piece(#text)));
        }
    }

    /// An expression of type `Text`.
    pub(crate) fn text(&mut self) -> TokenStream {
        self.flush();
        let pieces = &self.pieces;
        quote!(::subvm_sdk::rt::Text::All(&[#(#pieces),*]))
    }

    /// An item that puts all of it, as a line, into the section.
    pub(crate) fn line(&mut self) -> TokenStream {
        let text = self.raw("\n").text();
        quote! {
            #[cfg(target_arch = "wasm32")]
            const _: () = {
                const TEXT: ::subvm_sdk::rt::Text = #text;
                #[used]
                #[unsafe(link_section = "subvm.schema")]
                static LINE: [u8; TEXT.len()] = TEXT.bytes();
            };
        }
    }
}
