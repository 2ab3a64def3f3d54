//! `#[contract]`: methods, and the entry of the module.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{ImplItem, ItemImpl, ReturnType, Type, Visibility, parse_quote};

use crate::names::{Argument, arguments, plain, take};
use crate::schema::Json;

/// A function that callers reach.
struct Method {
    ident: syn::Ident,
    changes: bool,
    payable: bool,
    arguments: Vec<Argument>,
    returns: Type,
}

#[derive(Default)]
struct Methods {
    init: Option<Method>,
    fallback: Option<Method>,
    named: Vec<Method>,
}

pub(crate) fn expand(mut item: ItemImpl) -> syn::Result<TokenStream> {
    if item.trait_.is_some() || !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&item.self_ty, "a contract is a plain `impl` block of its struct"));
    }
    let methods = methods(&mut item)?;
    let ty = &item.self_ty;
    let init = match &methods.init {
        Some(init) => init.body(false),
        None => quote!(::subvm_sdk::rt::Fields::of(&mut from)?.end()?; from.end()?; ::subvm_sdk::rt::ended(())),
    };
    let names = methods.named.iter().map(|method| plain(&method.ident));
    let bodies = methods.named.iter().map(|method| method.body(true));
    let other = match &methods.fallback {
        Some(fallback) => fallback.fallback(),
        None => quote!(::subvm_sdk::rt::no_such(method)),
    };
    let schema = methods.schema(ty).line();
    Ok(quote! {
        #item

        #[allow(unused_mut, unused_variables)]
        impl ::subvm_sdk::rt::Contract for #ty {
            fn init(mut self, mut from: ::subvm_sdk::rt::Reader<'_>) -> ::subvm_sdk::Result<::subvm_sdk::rt::Ended> {
                #init
            }

            fn call(
                mut self,
                method: &str,
                mut from: ::subvm_sdk::rt::Reader<'_>,
            ) -> ::subvm_sdk::Result<::subvm_sdk::rt::Ended> {
                match method {
                    #(#names => { #bodies })*
                    _ => { #other }
                }
            }
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn _start() {
                ::subvm_sdk::rt::start::<#ty>();
            }
        };

        #schema
    })
}

/// Takes the marks off the functions, and notes what callers reach.
fn methods(item: &mut ItemImpl) -> syn::Result<Methods> {
    let mut methods = Methods::default();
    for function in &mut item.items {
        let ImplItem::Fn(function) = function else { continue };
        let [init, fallback, payable] = ["init", "fallback", "payable"].map(|mark| take(&mut function.attrs, mark));
        let refused = |why: &str| Err(syn::Error::new_spanned(&function.sig, why));
        if !matches!(function.vis, Visibility::Public(_)) {
            if init || fallback || payable {
                return refused("what callers reach is `pub`");
            }
            continue;
        }
        let (changes, arguments) = arguments(&function.sig)?;
        if (init || payable) && !changes {
            return refused("a constructor, or what takes money, takes &mut self");
        }
        let returns = match &function.sig.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        let method = Method { ident: function.sig.ident.clone(), changes, payable, arguments, returns };
        let place = match (init, fallback) {
            (true, true) => return refused("a constructor is no fallback"),
            (true, false) => &mut methods.init,
            (false, true) if method.arguments.len() != 1 => {
                return refused("a fallback takes one argument, all of the call: `call: Encoded`");
            }
            (false, true) => &mut methods.fallback,
            (false, false) => {
                methods.named.push(method);
                continue;
            }
        };
        if place.replace(method).is_some() {
            return refused("there is another one already");
        }
    }
    Ok(methods)
}

impl Method {
    /// What goes before a call.
    fn checks(&self) -> TokenStream {
        let paid = if self.payable { quote!() } else { quote!(::subvm_sdk::rt::not_payable()?;) };
        let view = if self.changes { quote!() } else { quote!(::subvm_sdk::rt::view();) };
        quote!(#paid #view)
    }

    /// Reads the arguments, in the order of their names, and calls.
    fn body(&self, named: bool) -> TokenStream {
        let (checks, ident) = (self.checks(), &self.ident);
        let bound: Vec<_> = (0..self.arguments.len()).map(|at| format_ident!("__{at}")).collect();
        let mut takes: Vec<(String, TokenStream)> = self
            .arguments
            .iter()
            .zip(&bound)
            .map(|(Argument { name, ty }, bound)| (name.clone(), quote!(let #bound: #ty = fields.take(#name)?;)))
            .collect();
        if named {
            takes.push(("method".to_owned(), quote!(fields.take::<::subvm_sdk::rt::Ignored>("method")?;)));
        }
        takes.sort_by(|one, other| one.0.cmp(&other.0));
        let takes = takes.into_iter().map(|(_, take)| take);
        quote! {
            #checks
            let mut fields = ::subvm_sdk::rt::Fields::of(&mut from)?;
            #(#takes)*
            fields.end()?;
            from.end()?;
            ::subvm_sdk::rt::ended(self.#ident(#(#bound),*))
        }
    }

    fn fallback(&self) -> TokenStream {
        let (checks, ident) = (self.checks(), &self.ident);
        quote! {
            #checks
            let call = ::subvm_sdk::rt::Decode::decode(&mut from)?;
            from.end()?;
            ::subvm_sdk::rt::ended(self.#ident(call))
        }
    }

    fn schema(&self, json: &mut Json) {
        let arguments = self.arguments.iter().map(|argument| (&*argument.name, &argument.ty));
        json.raw("{\"arguments\":").types(arguments).raw(",\"payable\":").raw(if self.payable {
            "true"
        } else {
            "false"
        });
        json.raw(",\"returns\":").ty(&self.returns).raw(",\"view\":").raw(if self.changes {
            "false}"
        } else {
            "true}"
        });
    }
}

impl Methods {
    fn schema(&self, ty: &Type) -> Json {
        let mut json = Json::default();
        json.raw("{\"contract\":").string(&quote!(#ty).to_string());
        for (name, method) in [("fallback", &self.fallback), ("init", &self.init)] {
            json.raw(",").string(name).raw(":");
            match method {
                Some(method) => method.schema(&mut json),
                None => drop(json.raw("null")),
            }
        }
        json.raw(",\"methods\":{");
        for (at, method) in self.named.iter().enumerate() {
            json.raw(if at == 0 { "" } else { "," }).string(&plain(&method.ident)).raw(":");
            method.schema(&mut json);
        }
        json.raw("}}");
        json
    }
}
