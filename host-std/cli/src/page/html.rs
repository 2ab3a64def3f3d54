//! The page: its frame, and how text comes into it.

use crate::report::hex;

/// Characters of one text that are shown.
const WIDTH: usize = 2_000;

/// Text as HTML, inside or outside of a quoted attribute: nothing of it is obeyed, and what turns the direction of text around is shown.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars();
    for c in characters.by_ref().take(WIDTH) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if crate::is_obeyed(c) => escaped.push_str(&c.escape_default().to_string()),
            c => escaped.push(c),
        }
    }
    if characters.next().is_some() {
        escaped.push_str(" …");
    }
    escaped
}

/// A page in the making.
pub(super) struct Page {
    title: String,
    /// What styles and the script say that they are the page's own.
    nonce: String,
    body: String,
    /// Its sections: name and heading.
    sections: Vec<(&'static str, &'static str)>,
}

impl Page {
    pub(super) fn new(title: &str, trace: &[u8; 32]) -> Self {
        let nonce = hex(trace.get(..16).unwrap_or_default());
        Self { title: escape(title), nonce, body: String::new(), sections: Vec::new() }
    }

    /// Begins a section.
    pub(super) fn section(&mut self, name: &'static str, heading: &'static str) {
        self.sections.push((name, heading));
        self.raw(&format!("<section id=\"{name}\" aria-labelledby=\"{name}-h\"><h2 id=\"{name}-h\">{heading}</h2>\n"));
    }

    /// Ends it.
    pub(super) fn end(&mut self) {
        self.raw("</section>\n");
    }

    /// HTML as it is.
    pub(super) fn raw(&mut self, html: &str) {
        self.body.push_str(html);
    }

    /// A paragraph.
    pub(super) fn say(&mut self, text: &str) {
        self.raw(&format!("<p>{}</p>\n", escape(text)));
    }

    /// A table of names and values.
    pub(super) fn facts(&mut self, facts: &[(&str, String)]) {
        self.raw("<dl>\n");
        for (name, value) in facts {
            self.raw(&format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value)));
        }
        self.raw("</dl>\n");
    }

    /// A table with these headings, in a box that scrolls with the keyboard, too.
    pub(super) fn table<'r>(&mut self, caption: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>> + 'r) {
        let caption = escape(caption);
        self.raw(&format!("<div class=\"box\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table><caption>{caption}</caption><thead><tr>"));
        heads.iter().for_each(|head| self.raw(&format!("<th scope=\"col\">{}</th>", escape(head))));
        self.raw("</tr></thead><tbody>\n");
        for row in rows {
            self.raw("<tr>");
            row.iter().for_each(|cell| self.raw(&format!("<td>{}</td>", escape(cell))));
            self.raw("</tr>\n");
        }
        self.raw("</tbody></table></div>\n");
    }

    /// The whole page.
    pub(super) fn finish(self) -> String {
        let Self { title, nonce, body, sections } = self;
        let links = sections.iter().map(|(name, heading)| format!("<li><a href=\"#{name}\">{heading}</a></li>"));
        let links: String = links.collect();
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
            <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
            base-uri 'none'; form-action 'none'\">\n\
            <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\n\
            <title>{title}</title>\n<style nonce=\"{nonce}\">{STYLE}</style></head>\n<body><a class=\"skip\" href=\"#main\">Skip to the content</a>\n\
            <header><h1>{title}</h1></header>\n<nav aria-label=\"Sections\"><ul>{links}</ul></nav>\n\
            <main id=\"main\">\n{body}</main>\n<footer><p>Made by <code>subvm report</code> from a recording, by a replay on this machine.</p></footer>\n\
            <script nonce=\"{nonce}\">{SCRIPT}</script></body></html>\n"
        )
    }
}

const STYLE: &str = "
:root{--bg:#fff;--fg:#1a1d21;--dim:#50575f;--line:#c4cad0;--link:#0b57a4;--soft:#f2f4f6;--bar:#b8d4f0;--bar-host:#f3d19c}
@media(prefers-color-scheme:dark){:root{--bg:#15181c;--fg:#e8ebee;--dim:#aab2ba;--line:#444c55;--link:#8ec5ff;--soft:#20252b;--bar:#274b70;--bar-host:#6b4d17}}
*{box-sizing:border-box}body{margin:0 auto;max-width:80rem;padding:0 1rem 3rem;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}
a{color:var(--link)}nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0;margin:0}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:.5rem;background:var(--bg);padding:.5rem}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
dl div{display:grid;grid-template-columns:10rem 1fr;gap:1rem;padding:.2rem 0}dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere;font-family:ui-monospace,monospace;font-size:.875rem}
@media(max-width:40rem){dl div{grid-template-columns:1fr;gap:0}}
.box{overflow:auto;max-height:34rem;border:1px solid var(--line)}table{border-collapse:collapse;width:100%;font-size:.875rem}
caption{text-align:left;padding:.5rem;color:var(--dim)}th{position:sticky;top:0;background:var(--soft);text-align:left}
th,td{padding:.25rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}td{font-family:ui-monospace,monospace;overflow-wrap:anywhere}#timeline td:not(:last-child){white-space:nowrap}
pre{background:var(--soft);padding:.75rem;overflow:auto;font-size:.875rem}
.tools{display:flex;flex-wrap:wrap;gap:.75rem 1.5rem;align-items:end;margin:.5rem 0}.tools label{display:grid;color:var(--dim);font-size:.875rem}
input,select{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--dim);padding:.35rem .5rem;min-width:14rem}
tr[hidden]{display:none}svg{width:100%;height:auto;display:block}svg text{fill:var(--fg);font:11px ui-monospace,monospace}
.f{fill:var(--bar);stroke:var(--bg)}.h{fill:var(--bar-host);stroke:var(--bg)}footer{color:var(--dim);margin-top:3rem}
";

/// Filters the timeline. All that it knows is on the page already.
const SCRIPT: &str = "
const rows=[...document.querySelectorAll('#timeline tbody tr')],text=document.getElementById('search'),kind=document.getElementById('kind'),count=document.getElementById('count');
function show(){const words=text.value.toLowerCase();let shown=0;for(const row of rows){const fits=(!kind.value||row.dataset.kind===kind.value)&&(!words||row.textContent.toLowerCase().includes(words));row.hidden=!fits;shown+=fits}count.textContent=shown+' of '+rows.length+' rows'}
if(text){text.addEventListener('input',show);kind.addEventListener('change',show);show()}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_obeyed() {
        assert_eq!(escape("<b a='\"'>&\u{202e}\n"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;\\u{202e}\\n");
        assert!(escape(&"x".repeat(WIDTH + 1)).ends_with("x …"));
        let mut page = Page::new("</title><script>alert(1)</script>", &[7; 32]);
        page.say("</p><img src=x onerror=alert(1)>");
        page.facts(&[("\"><script>", "</dd>".into())]);
        let page = page.finish();
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert!(!page.contains("<img") && page.matches("</title>").count() == 1);
    }
}
