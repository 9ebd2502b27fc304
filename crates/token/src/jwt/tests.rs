//! What holds of tokens, with real keys.
