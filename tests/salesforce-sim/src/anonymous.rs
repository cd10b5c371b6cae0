//! Anonymous Apex, as far as clients care: whether it compiles, and whether it throws.

use serde_json::{Value, json};

/// What running a source comes to. It compiles if it ends as a statement does, and throws if it says so.
pub(crate) fn execute(source: &str) -> Value {
    let source = source.trim();
    let compiled = source.ends_with(';') || source.ends_with('}');
    let thrown = compiled && source.contains("throw ");
    let line = if compiled && !thrown { -1 } else { 1 };
    json!({
        "column": line,
        "compileProblem": (!compiled).then_some("Unexpected token '<EOF>'."),
        "compiled": compiled,
        "exceptionMessage": thrown.then_some("System.AssertException: Assertion Failed"),
        "exceptionStackTrace": thrown.then_some("AnonymousBlock: line 1, column 1"),
        "line": line,
        "success": compiled && !thrown,
    })
}
