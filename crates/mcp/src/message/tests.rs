//! The JR rows.
