//! The web, in non-deterministic blocks.

use alloc::string::String;
use alloc::vec::Vec;

use crate::data::{Bytes, Decode, Fields, Reader};
use crate::{Error, ErrorKind, Problem, Result, host};

/// What a server answered.
///
/// ```
/// use subvm_sdk::web::Response;
/// let page = Response { status: 200, headers: vec![("content-type".into(), b"text/plain".to_vec())], body: b"101.25\n".to_vec() };
/// assert_eq!(page.header("content-type"), Some(&b"text/plain"[..]));
/// assert_eq!(page.text().unwrap(), "101.25\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status of HTTP: 200.
    pub status: u16,
    /// Names in lower case, ascending, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The content.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(each, _)| each == name).map(|(_, value)| &value[..])
    }

    /// The content as text, where the status is one of success, 200 to 299.
    ///
    /// # Errors
    /// `User`: the status is another. `Calldata`: the content is no UTF-8.
    pub fn text(self) -> Result<String> {
        if !(200..300).contains(&self.status) {
            return Err("the page is not there".into());
        }
        String::from_utf8(self.body).map_err(|_| Error::calldata("body", Problem::Expected("text")))
    }
}

impl Decode for Response {
    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        let mut fields = Fields::of(from)?;
        let body = fields.take::<Bytes>("body")?.0;
        let headers = fields.take::<Headers>("headers")?.0;
        let status = fields.take("status")?;
        fields.end()?;
        Ok(Self { status, headers, body })
    }
}

/// A map of bytes.
struct Headers(Vec<(String, Vec<u8>)>);

impl Decode for Headers {
    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
        for _ in 0..from.map()? {
            let name = from.key(headers.last().map(|(name, _)| &**name))?;
            headers.push((name.into(), from.bytes()?.into()));
        }
        from.leave();
        Ok(Self(headers))
    }
}

/// What is asked of a server.
///
/// ```
/// use subvm_sdk::web::Request;
/// let post = Request { method: "POST", body: Some(b"{}"), ..Request::get("https://example.com/prices") };
/// # assert_eq!(post.url, "https://example.com/prices");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST` and so on.
    pub method: &'a str,
    /// The address.
    pub url: &'a str,
    /// Names and values, ascending by name.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The content, where there is one.
    pub body: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Asks for a page.
    #[must_use]
    pub const fn get(url: &'a str) -> Self {
        Self { method: "GET", url, headers: &[], body: None }
    }
}

/// Asks for a page.
///
/// # Errors
/// As [`request`].
///
/// ```no_run
/// let price = subvm_sdk::web::get("https://example.com/price")?.text()?;
/// # Ok::<(), subvm_sdk::Error>(())
/// ```
pub fn get(url: &str) -> Result<Response> {
    request(&Request::get(url))
}

/// Asks a server.
///
/// # Errors
/// `Module`: it could not be asked, with the code of the node's web module. `Refused`, `forbidden`, outside a non-deterministic block.
///
/// # Cost
/// A request; the answer's bytes. See `docs/spec/gas.md`.
pub fn request(request: &Request<'_>) -> Result<Response> {
    let answer = host::request("WebRequest", |to| {
        to.map(4).key("body");
        match request.body {
            Some(body) => to.bytes(body),
            None => to.null(),
        };
        to.key("headers").map(request.headers.len());
        for (name, value) in request.headers {
            to.key(name).bytes(value);
        }
        to.key("method").str(request.method).key("url").str(request.url);
    })?;
    answered(&answer)
}

/// A page as a browser shows it, as text: after `wait` (`"500ms"`, `"2s"`, or empty).
///
/// # Errors
/// As [`request`].
pub fn text(url: &str, wait: &str) -> Result<String> {
    answered(&render("text", url, wait)?)
}

/// A page as a browser has it, as HTML.
///
/// # Errors
/// As [`request`].
pub fn html(url: &str, wait: &str) -> Result<String> {
    answered(&render("html", url, wait)?)
}

/// A page as a browser shows it, as PNG.
///
/// # Errors
/// As [`request`].
pub fn screenshot(url: &str, wait: &str) -> Result<Vec<u8>> {
    answered::<Bytes>(&render("screenshot", url, wait)?).map(|image| image.0)
}

fn render(mode: &str, url: &str, wait: &str) -> Result<Vec<u8>> {
    host::request("WebRender", |to| {
        to.map(3).key("mode").str(mode).key("url").str(url).key("wait_after_loaded").str(wait);
    })
}

/// What a module answered: `{"ok": T}`, or `{"error": code}`.
pub(crate) fn answered<T: Decode>(answer: &[u8]) -> Result<T> {
    let mut from = Reader::new(answer);
    let value = match from.variant()? {
        ("ok", _) => T::decode(&mut from)?,
        ("error", _) => {
            // The code is a text. Whatever else it were, it would be no answer.
            let code = from.str().unwrap_or("unknown");
            return Err(ErrorKind::Module(code.into()).into());
        }
        _ => return Err(Error::expected("ok or error")),
    };
    from.end()?;
    Ok(value)
}
