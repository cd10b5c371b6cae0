//! What the pages for people look like: plain HTML with real forms, for browsers and for tests that read them.

use http::StatusCode;

use crate::answer::Answer;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;background:#f3f3f3;color:#181818;margin:0}\
    main{max-width:24rem;margin:2rem auto;padding:1.5rem;background:#fff;border:1px solid #c9c9c9;border-radius:4px}\
    label{display:block;margin-top:.75rem}input{width:100%;box-sizing:border-box;font:inherit;padding:.4rem}\
    button{font:inherit;margin:1rem .5rem 0 0;padding:.5rem 1rem;background:#0b5cab;color:#fff;border:0;border-radius:4px}\
    [role=alert]{color:#ba0517}aside{margin-top:1.5rem;border-top:1px solid #c9c9c9;font-size:.875rem}\
    td{padding-right:1rem}code{overflow-wrap:anywhere}";

/// A page with a title, which is its heading too.
pub(crate) fn page(status: StatusCode, title: &str, content: &str) -> Answer {
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} | Simulated Salesforce</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{content}</main></body></html>"
    );
    Answer::html(status, body)
}

/// The page that says why something cannot be done.
pub(crate) fn error_page(error: &str, description: &str) -> Answer {
    let content =
        format!("<p role=\"alert\">error={}&amp;error_description={}</p>", escape(error), escape(description));
    page(StatusCode::BAD_REQUEST, "OAuth Error", &content)
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;")
}
