//! Lists that come in pages, gathered.

use tonic::Status;

use crate::{args::ListArgs, failure::Failure};

/// Asks for page after page (by size and token) until the last one, or until there are enough.
pub(crate) async fn gather<T>(
    args: &ListArgs,
    mut fetch: impl AsyncFnMut(i32, String) -> Result<(Vec<T>, String), Status>,
) -> Result<Vec<T>, Failure> {
    let limit = args.limit.unwrap_or(usize::MAX);
    let mut all = Vec::new();
    let mut token = String::new();
    while all.len() < limit {
        let size = PAGE.min(i32::try_from(limit - all.len()).unwrap_or(PAGE));
        let (items, next) = fetch(size, token).await?;
        all.extend(items);
        if next.is_empty() {
            break;
        }
        token = next;
    }
    all.truncate(limit);
    Ok(all)
}

const PAGE: i32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_pages_come_in_order() {
        let all = gather(&ListArgs { limit: None }, async |_, token| page(&token))
            .await
            .unwrap();
        assert_eq!(all, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn no_page_is_asked_for_beyond_the_limit() {
        let mut asked = Vec::new();
        let some = gather(&ListArgs { limit: Some(2) }, async |size, token| {
            asked.push(size);
            page(&token)
        });
        assert_eq!(some.await.unwrap(), [1, 2]);
        assert_eq!(asked, [2]);
    }

    fn page(token: &str) -> Result<(Vec<u8>, String), Status> {
        match token {
            "" => Ok((vec![1, 2], "next".into())),
            "next" => Ok((vec![3, 4], String::new())),
            other => Err(Status::invalid_argument(other)),
        }
    }
}
