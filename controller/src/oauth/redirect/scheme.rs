//! Which schemes of redirect URIs can be an app's own. Those that a browser or a system answers to
//! already are not: it would run something, or send the code elsewhere. Apps call their schemes
//! whatever they like, so what is known to be bad is listed, and nothing else is refused.

/// Whether it can be an app's own.
pub(super) fn is_apps(scheme: &str) -> bool {
    let refused = REFUSED.contains(&scheme)
        || REFUSED_BEGINNINGS
            .iter()
            .any(|part| scheme.starts_with(part))
        || REFUSED_ENDS.iter().any(|part| scheme.ends_with(part));
    !refused
}

/// Schemes that browsers or systems act upon, run code for, or send elsewhere.
const REFUSED: [&str; 68] = [
    "about",
    "acct",
    "afp",
    "android-app",
    "applescript",
    "blob",
    "callto",
    "cid",
    "content",
    "data",
    "dav",
    "devtools",
    "dns",
    "edge",
    "feed",
    "file",
    "filesystem",
    "firefox",
    "ftp",
    "ftps",
    "geo",
    "git",
    "gopher",
    "hcp",
    "help",
    "imap",
    "intent",
    "irc",
    "its",
    "jar",
    "javascript",
    "livescript",
    "magnet",
    "mailto",
    "market",
    "mhtml",
    "mid",
    "mk",
    "mms",
    "mmsto",
    "mocha",
    "news",
    "nfs",
    "nntp",
    "opera",
    "pop",
    "res",
    "resource",
    "rtsp",
    "search",
    "sftp",
    "shell",
    "shortcuts",
    "sip",
    "sips",
    "smb",
    "sms",
    "smsto",
    "ssh",
    "tel",
    "telnet",
    "urn",
    "vbscript",
    "vnc",
    "webcal",
    "ws",
    "wss",
    "x-man-page",
];
/// How families of such schemes begin: browsers' own pages and what hands an address to a browser, app
/// stores, handlers that come with a system, and what any web site may take for itself (`web+`).
const REFUSED_BEGINNINGS: [&str; 15] = [
    "chrome",
    "facetime",
    "googlechrome",
    "itms",
    "jnlp",
    "ldap",
    "macappstore",
    "microsoft-edge",
    "microsoft.",
    "moz-",
    "ms-",
    "view-source",
    "web+",
    "x-apple",
    "x-safari",
];
/// How they end: pages of extensions, and searches of the file explorer.
const REFUSED_ENDS: [&str; 2] = ["-extension", "-ms"];

#[cfg(test)]
mod tests {
    use super::*;

    /// A22, DCR-4.
    #[test]
    fn what_runs_or_opens_something_else_is_no_apps_scheme() {
        for scheme in [
            "about",
            "blob",
            "chrome",
            "chrome-extension",
            "chrome-untrusted",
            "data",
            "file",
            "filesystem",
            "ftp",
            "intent",
            "itms",
            "itms-apps",
            "itms-services",
            "itmss",
            "jar",
            "javascript",
            "jnlp",
            "jnlps",
            "mailto",
            "microsoft-edge",
            "microsoft.windows.camera",
            "moz-extension",
            "moz-icon",
            "ms-appinstaller",
            "ms-msdt",
            "ms-officecmd",
            "ms-word",
            "resource",
            "safari-web-extension",
            "search-ms",
            "shell",
            "sms",
            "tel",
            "vbscript",
            "view-source",
            "web+mcp",
            "ws",
            "wss",
            "x-apple.systempreferences",
        ] {
            assert!(!is_apps(scheme), "{scheme}");
        }
    }

    #[test]
    fn apps_keep_their_own_schemes() {
        for scheme in [
            "antigravity",
            "claude",
            "codex",
            "com.example.app",
            "com.microsoft.copilot",
            "cursor",
            "devin",
            "goose",
            "grokbot",
            "kiro",
            "msteams",
            "raycast",
            "vscode",
            "vscode-insiders",
            "windsurf",
            "wsl",
            "zed",
        ] {
            assert!(is_apps(scheme), "{scheme}");
        }
    }
}
