//! `#[derive(Calldata)]`: `Encode`, `Decode` and `Describe`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Fields, Generics, Ident, Type, parse_quote};

use crate::names::plain;
use crate::schema::Json;

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let (encode, decode, describe) = (encode(input)?, decode(input)?, describe(input)?);
    Ok(quote!(#encode #decode #describe))
}

/// What a struct or a variant has in it.
struct Content {
    /// Names as callers write them; numbers where there are none.
    names: Vec<String>,
    /// Where they are bound.
    bound: Vec<Ident>,
    types: Vec<Type>,
    /// A pattern, or an expression, that binds all fields: `{ a: __0 }`, `(__0, __1)`, nothing.
    pattern: TokenStream,
    kind: Kind,
}

enum Kind {
    Unit,
    Newtype,
    Tuple,
    Struct,
}

impl Content {
    fn of(fields: &Fields) -> Self {
        let bound: Vec<Ident> = (0..fields.len()).map(|at| format_ident!("__{at}")).collect();
        let types = fields.iter().map(|field| field.ty.clone()).collect();
        let idents: Vec<&Ident> = fields.iter().filter_map(|field| field.ident.as_ref()).collect();
        let (pattern, kind) = match fields {
            Fields::Unit => (quote!(), Kind::Unit),
            Fields::Named(_) => (quote!({ #(#idents: #bound),* }), Kind::Struct),
            Fields::Unnamed(_) if fields.len() == 1 => (quote!((#(#bound),*)), Kind::Newtype),
            Fields::Unnamed(_) => (quote!((#(#bound),*)), Kind::Tuple),
        };
        let names = idents.iter().map(|ident| plain(ident)).collect();
        Self { names, bound, types, pattern, kind }
    }

    /// Statements that write what is bound.
    fn encode(&self) -> TokenStream {
        let (bound, len) = (&self.bound, self.bound.len());
        match self.kind {
            Kind::Unit => quote!(to.null();),
            Kind::Newtype => quote!(#(::subvm_sdk::rt::Encode::encode(#bound, to);)*),
            Kind::Tuple => quote!(to.array(#len); #(::subvm_sdk::rt::Encode::encode(#bound, to);)*),
            Kind::Struct => {
                let mut fields: Vec<_> = self.names.iter().zip(bound).collect();
                fields.sort();
                let (names, bound): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
                quote!(to.map(#len); #(to.key(#names); ::subvm_sdk::rt::Encode::encode(#bound, to);)*)
            }
        }
    }

    /// An expression that reads from `from`: a `Result` of `path` with all in it.
    fn decode(&self, path: &TokenStream) -> TokenStream {
        let Self { names, bound, pattern, .. } = self;
        match self.kind {
            Kind::Unit => quote!(from.null().map(|()| #path)),
            Kind::Newtype => quote!(::subvm_sdk::rt::Decode::decode(from).map(#path)),
            Kind::Tuple => {
                let len = bound.len();
                quote! {{
                    ::subvm_sdk::rt::exactly(from, #len)?;
                    #(let #bound = ::subvm_sdk::rt::Decode::decode(from)?;)*
                    from.leave();
                    ::core::result::Result::Ok(#path #pattern)
                }}
            }
            Kind::Struct => {
                let mut fields: Vec<_> = names.iter().zip(bound).collect();
                fields.sort();
                let (names, bound): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
                quote! {{
                    let mut fields = ::subvm_sdk::rt::Fields::of(from)?;
                    #(let #bound = fields.take(#names)?;)*
                    fields.end()?;
                    ::core::result::Result::Ok(#path #pattern)
                }}
            }
        }
    }

    fn describe(&self, json: &mut Json) {
        match (&self.kind, self.types.first()) {
            (Kind::Newtype, Some(ty)) => drop(json.ty(ty)),
            (Kind::Unit | Kind::Newtype, _) => drop(json.string("null")),
            (Kind::Tuple, _) => {
                json.raw("{\"tuple\":[");
                for (at, ty) in self.types.iter().enumerate() {
                    json.raw(if at == 0 { "" } else { "," }).ty(ty);
                }
                json.raw("]}");
            }
            (Kind::Struct, _) => {
                let fields = self.names.iter().zip(&self.types).map(|(name, ty)| (&**name, ty));
                json.raw("{\"struct\":").types(fields).raw("}");
            }
        }
    }
}

/// The variants of an enum, or a struct alone.
fn variants(input: &DeriveInput) -> syn::Result<Vec<(Option<&Ident>, Content)>> {
    match &input.data {
        Data::Struct(data) => Ok(vec![(None, Content::of(&data.fields))]),
        Data::Enum(data) => {
            Ok(data.variants.iter().map(|variant| (Some(&variant.ident), Content::of(&variant.fields))).collect())
        }
        Data::Union(_) => Err(syn::Error::new_spanned(input, "calldata has no unions")),
    }
}

fn bounded(input: &DeriveInput, bound: &TokenStream) -> Generics {
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#bound));
    }
    generics
}

pub(crate) fn encode(input: &DeriveInput) -> syn::Result<TokenStream> {
    let name = &input.ident;
    let arms = variants(input)?.into_iter().map(|(variant, content)| {
        let (pattern, fields) = (&content.pattern, content.encode());
        match (variant, &content.kind) {
            (None, _) => quote!(Self #pattern => { #fields }),
            (Some(variant), Kind::Unit) => {
                let name = plain(variant);
                quote!(Self::#variant => { to.str(#name); })
            }
            (Some(variant), _) => {
                let name = plain(variant);
                quote!(Self::#variant #pattern => { to.map(1).key(#name); #fields })
            }
        }
    });
    let generics = bounded(input, &quote!(::subvm_sdk::rt::Encode));
    let (parameters, arguments, bounds) = generics.split_for_impl();
    Ok(quote! {
        impl #parameters ::subvm_sdk::rt::Encode for #name #arguments #bounds {
            fn encode(&self, to: &mut ::subvm_sdk::rt::Writer) {
                match self { #(#arms)* }
            }
        }
    })
}

fn decode(input: &DeriveInput) -> syn::Result<TokenStream> {
    let name = &input.ident;
    let variants = variants(input)?;
    let mut usual = quote!();
    let body = match &variants[..] {
        [(None, content)] => {
            if let (Kind::Newtype, [ty]) = (&content.kind, &content.types[..]) {
                usual = quote!(const USUAL_BYTES: usize = <#ty as ::subvm_sdk::rt::Decode>::USUAL_BYTES;);
            }
            content.decode(&quote!(Self))
        }
        variants => {
            let arms = variants.iter().filter_map(|(variant, content)| {
                let variant = (*variant)?;
                let (name, unit) = (plain(variant), matches!(content.kind, Kind::Unit));
                let read = if unit { quote!(::core::result::Result::Ok(Self::#variant)) } else { content.decode(&quote!(Self::#variant)) };
                // Each variant has one form: a name alone where there is nothing in it, and never where there is.
                Some(quote!((#name, #unit) => (|| -> ::subvm_sdk::Result<Self> { #read })().map_err(|error| error.within(#name))?,))
            });
            quote! {
                let (name, unit) = from.variant()?;
                let value = match (name, unit) {
                    #(#arms)*
                    _ => return ::core::result::Result::Err(::subvm_sdk::rt::no_variant(name)),
                };
                if !unit {
                    from.leave();
                }
                ::core::result::Result::Ok(value)
            }
        }
    };
    let generics = bounded(input, &quote!(::subvm_sdk::rt::Decode));
    let (parameters, arguments, bounds) = generics.split_for_impl();
    Ok(quote! {
        impl #parameters ::subvm_sdk::rt::Decode for #name #arguments #bounds {
            #usual

            fn decode(from: &mut ::subvm_sdk::rt::Reader<'_>) -> ::subvm_sdk::Result<Self> {
                #body
            }
        }
    })
}

fn describe(input: &DeriveInput) -> syn::Result<TokenStream> {
    let name = &input.ident;
    let mut json = Json::default();
    match &variants(input)?[..] {
        [(None, content)] => content.describe(&mut json),
        variants => {
            json.raw("{\"enum\":{");
            for (at, (variant, content)) in variants.iter().enumerate() {
                let name = variant.map(plain).unwrap_or_default();
                json.raw(if at == 0 { "" } else { "," }).string(&name).raw(":");
                content.describe(&mut json);
            }
            json.raw("}}");
        }
    }
    let text = json.text();
    let generics = bounded(input, &quote!(::subvm_sdk::rt::Describe));
    let (parameters, arguments, bounds) = generics.split_for_impl();
    Ok(quote! {
        impl #parameters ::subvm_sdk::rt::Describe for #name #arguments #bounds {
            const TYPE: ::subvm_sdk::rt::Text = #text;
        }
    })
}
