//! `custos item get`: opens a view, takes the content away, holds it against its fingerprint, and
//! closes the view.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use custos_core::{
    hash::{Hash, Sha256},
    ids::ItemId,
};
use serde_json::json;

use super::{Change, refused, say};
use crate::{
    cli::bars::Bars,
    client::{
        api::{
            Api,
            asking::{Reason, View},
        },
        deposit::{Stage, Watch},
        error::ClientError,
        names,
        place::Draft,
        source::Count,
    },
};

/// The exit code when content is not that of its fingerprint.
const DAMAGED: u8 = 3;

/// What is taken, for what, and where it is put.
#[derive(Debug, Args)]
pub(in crate::cli) struct Get {
    /// The item
    #[arg(value_name = "ITEM")]
    item: ItemId,
    /// What it is for: investigation, prosecution, disclosure, defence, adjudication, protection,
    /// cross_border, research
    #[arg(long, value_name = "CODE")]
    purpose: String,
    /// Why, in your own words
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Where the content is put
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace what stands there
    #[arg(long)]
    force: bool,
}

/// What was taken.
enum Taken {
    Right(u64, Hash),
    Wrong { expected: Hash, found: Hash },
}

pub(super) async fn run(asked: Change<Get>) -> ExitCode {
    let Change { own, key, common } = asked;
    let (key, json) = (key.or_new(), common.json);
    let taken = async {
        let api = common.access.api().map_err(unopened)?;
        take(&api, &own, &key).await
    };
    match taken.await {
        Ok(Taken::Right(size, sha256)) => {
            if json {
                let out = names::Name::of(own.out.as_os_str());
                say(&json!({"file": out, "size": size, "sha256": sha256}).to_string());
            } else {
                let out = names::shown(&own.out);
                say(&format!(
                    "{out}: {size} bytes of SHA-256 {sha256}, as they were deposited"
                ));
            }
            ExitCode::SUCCESS
        }
        Ok(Taken::Wrong { expected, found }) => {
            let what = format!(
                "the bytes that came have SHA-256 {found}, but the item's is {expected}; nothing was kept, tell the operator"
            );
            if json {
                let told =
                    json!({"error": {"status": null, "problem": "other-bytes", "detail": what}});
                say(&told.to_string());
            } else {
                eprintln!("custos: {what}");
            }
            ExitCode::from(DAMAGED)
        }
        // Under the key of a view that was opened, the same view would be told of again.
        Err((error, opened)) => refused(&error, (!opened).then_some(key.as_str()), json),
    }
}

/// A failure before a view was opened.
fn unopened(error: ClientError) -> (ClientError, bool) {
    (error, false)
}

/// Takes the content; a failure says whether a view was opened before it.
async fn take(api: &Api, own: &Get, key: &str) -> Result<Taken, (ClientError, bool)> {
    // Before the room is asked, because asking is an entry in the custody log.
    let draft = Draft::beside(&own.out, own.force).map_err(unopened)?;
    let expected = api.item(own.item).await.map_err(unopened)?.sha256;
    let reason = Reason {
        purpose: own.purpose.clone(),
        why: own.why.clone(),
        download: true,
    };
    let view = api.open_view(own.item, &reason, key).await;
    let view = view.map_err(unopened)?;
    let taken = read(api, (own, &view, expected), draft).await;
    if let Err(error) = api.close_view(&view, key).await {
        // It ends by itself, and what was taken is what it is.
        eprintln!("custos: the view could not be closed, and ends by itself: {error}");
    }
    taken.map_err(|error| (error, true))
}

async fn read(
    api: &Api,
    (own, view, expected): (&Get, &View, Hash),
    mut draft: Draft,
) -> Result<Taken, ClientError> {
    let mut coming = api.content(view).await?;
    let (bars, count) = (Bars::new(), Count::default());
    let _shown = bars.begins(Stage::Taking, &own.out, view.size, count.clone());
    let (mut hash, mut length) = (Sha256::new(), 0);
    while let Some(piece) = coming.next().await? {
        hash.update(&piece);
        draft.write(&piece)?;
        length += piece.len() as u64;
        count.store(length, std::sync::atomic::Ordering::Relaxed);
    }
    if length != view.size {
        let what = format!("{length} of {} bytes came; nothing was kept", view.size);
        return Err(ClientError::Broken(what));
    }
    let found = hash.finish();
    if found != expected {
        return Ok(Taken::Wrong { expected, found });
    }
    draft.place()?;
    Ok(Taken::Right(length, found))
}
