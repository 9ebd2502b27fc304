//! The forms of a page, read just well enough to send the login and consent pages back: no script runs, and
//! nothing is sent that is not in the form or named by us.

/// A form.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) action: String,
    pub(super) fields: Vec<Field>,
}

/// A field of it, or a button with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) hidden: bool,
}

impl Form {
    /// All forms of a page.
    pub(super) fn all(html: &str) -> Vec<Self> {
        let mut forms: Vec<Self> = Vec::new();
        let mut inside = false;
        for tag in tags(html) {
            match tag.name.as_str() {
                "form" => {
                    inside = true;
                    forms.push(Self {
                        action: tag.attribute("action"),
                        fields: Vec::new(),
                    });
                }
                "/form" => inside = false,
                "input" | "button" if inside => {
                    let name = tag.attribute("name");
                    if let (Some(form), false) = (forms.last_mut(), name.is_empty()) {
                        form.fields.push(Field {
                            name,
                            value: tag.attribute("value"),
                            hidden: tag.attribute("type") == "hidden",
                        });
                    }
                }
                _ => {}
            }
        }
        forms
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// What is sent: the hidden fields, and what is given.
    pub(super) fn filled<'a>(&'a self, given: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let hidden = self.fields.iter().filter(|field| field.hidden);
        hidden
            .map(|field| (field.name.as_str(), field.value.as_str()))
            .chain(given.iter().copied())
            .collect()
    }
}

/// The text of the first element that begins so (`h1`, `p class="problem"`), without the tags inside it.
pub(super) fn text_of(html: &str, element: &str) -> String {
    let open = format!("<{element}");
    let name = element.split(' ').next().unwrap_or(element);
    let close = format!("</{name}>");
    let inside = html
        .split_once(&open)
        .and_then(|(_, rest)| rest.split_once('>'))
        .and_then(|(_, rest)| rest.split_once(&close));
    let mut text = String::new();
    let mut bracket = false;
    for c in inside.map_or("", |(inside, _)| inside).chars() {
        match c {
            '<' => bracket = true,
            '>' => bracket = false,
            c if !bracket => text.push(c),
            _ => {}
        }
    }
    unescaped(text.trim())
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn attribute(&self, name: &str) -> String {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = tag(after);
        tags.push(tag);
        rest = after;
    }
    tags
}

/// One tag, and what comes after it.
fn tag(text: &str) -> (Tag, &str) {
    let end = text.find([' ', '\n', '\t', '>']).unwrap_or(text.len());
    let name = text[..end].to_lowercase();
    let mut attributes = Vec::new();
    let mut rest = &text[end..];
    loop {
        rest = rest.trim_start_matches([' ', '\n', '\t', '/']);
        if let Some(after) = rest.strip_prefix('>') {
            return (Tag { name, attributes }, after);
        }
        let end = rest.find(['=', '>', ' ', '\n', '\t']).unwrap_or(rest.len());
        if end == 0 && !rest.starts_with('=') {
            return (Tag { name, attributes }, rest);
        }
        let key = rest[..end].to_lowercase();
        rest = &rest[end..];
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let quote = after.chars().next().filter(|c| ['"', '\''].contains(c));
            (value, rest) = match quote {
                Some(quote) => after[1..]
                    .split_once(quote)
                    .unwrap_or_else(|| (&after[1..], "")),
                None => after.split_at(after.find([' ', '>']).unwrap_or(after.len())),
            };
        }
        attributes.push((key, unescaped(value)));
    }
}

fn unescaped(text: &str) -> String {
    let text = text
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&lt;", "<")
        .replace("&gt;", ">");
    // Last, so that nothing is taken for an escape that was not one.
    text.replace("&#38;", "&").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_with_their_hidden_fields() {
        let html = r#"<html><title>Sign in</title><form method="post" action="/login/corp">
<input type="hidden" name="t" value="1"><button>Continue</button></form>
<FORM method=post action='/login?a=1&amp;b=2'><input type="hidden" name="csrf" value="x&quot;&#38;y">
<input id="login" name="login" required><input name=password type=password>
<button name="decision" value="allow">Allow</button></FORM>"#;
        let forms = Form::all(html);
        assert_eq!(forms.len(), 2);
        assert!(forms[0].has("t") && !forms[0].has("login"));
        assert_eq!(forms[1].action, "/login?a=1&b=2");
        assert!(forms[1].has("login") && forms[1].has("password") && forms[1].has("decision"));
        assert_eq!(
            forms[1].filled(&[("login", "ada")]),
            [("csrf", "x\"&y"), ("login", "ada")]
        );
        assert_eq!(text_of(html, "title"), "Sign in");
        assert_eq!(text_of("<h1 class=a>No <b>way</b></h1>", "h1"), "No way");
    }

    #[test]
    fn damaged_pages_end() {
        for html in [
            "<form",
            "<form action=",
            "<form action=\"",
            "<",
            "<input name=a",
            "<form =",
        ] {
            let _ = Form::all(html);
        }
    }
}
