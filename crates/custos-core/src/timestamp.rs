//! Time of others: RFC 3161 tokens over checkpoints.
//!
//! A time authority signs that a hash was shown to it at a time. What is hashed of a checkpoint
//! is its text, an empty line and the log's own line with its line feed
//! ([`crate::checkpoint::SignedCheckpoint::signed_by`]).
//!
//! ```text
//! TimeStampResp   status | ContentInfo                                    RFC 3161 2.4.2
//!   SignedData    digests | content TSTInfo | [0] certificates | signer   RFC 5652 5.1
//!     TSTInfo     policy, imprint, serial number, time, nonce             RFC 3161 2.4.2
//!     signer      signed attributes: content type, digest of TSTInfo,
//!                 signing certificate (ESSCertIDv2) | signature           RFC 5035, RFC 5816
//! ```
//!
//! A reply is read as the DER that RFC 3161 (3.4) says it is: definite and shortest lengths, sets
//! in order, no bytes left over. One thing is told apart: a set of certificates in another order,
//! which X.690 (11.6) forbids, RFC 5652 (2) would allow, and `openssl ts` writes. Nothing depends on
//! that order and no signature covers it, so a verifier takes it. Whoever asks for a token refuses
//! it by name, unless told otherwise ([`Request::any_order`]): other readers may be stricter.
//!
//! Two crates do what is general: `der` reads elements, `webpki` checks signatures and the path
//! of certificates. What is particular to tokens stands here.
//!
//! Not checked: whether a certificate was revoked, which nobody can know offline. What helps is a
//! later token of another certificate over a checkpoint whose log holds the digest of this one.

mod certificate;
mod reading;
mod token;

use std::fmt;

use der::{Decode as _, asn1::ObjectIdentifier};

use crate::{hash::Hash, ids::Timestamp};

pub use certificate::Anchor;
pub use token::Reply;

/// Longest reply in bytes. Those of public authorities have 3 to 8 KiB.
pub const MAX_REPLY_BYTES: usize = 64 << 10;
/// Longest certificate of an authority in bytes.
pub const MAX_CERTIFICATE_BYTES: usize = 16 << 10;
/// Media type of a request (RFC 3161, 3.4).
pub const REQUEST_MEDIA_TYPE: &str = "application/timestamp-query";
/// Media type of a reply (RFC 3161, 3.4).
pub const REPLY_MEDIA_TYPE: &str = "application/timestamp-reply";

/// Why a reply is refused. Nothing of it is to be believed, and nothing kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Longer than [`MAX_REPLY_BYTES`].
    #[error("the reply is longer than 64 KiB")]
    TooLong,
    /// Not DER, or not of the form that RFC 3161 and RFC 5652 give.
    #[error("the reply is not of its form: {0}")]
    Form(&'static str),
    /// A set of DER is not in ascending order of its members' bytes (X.690 11.6).
    #[error("{0} are not in the order of DER, which RFC 3161 asks for")]
    Unsorted(&'static str),
    /// The authority gave no token (PKIStatus above 1).
    #[error("the authority refused: status {status}, {why}")]
    Rejected {
        /// PKIStatus: 2 rejection, 3 waiting, 4 and 5 about revocation.
        status: u64,
        /// PKIFailureInfo in words.
        why: &'static str,
    },
    /// It stamps something else than what was sent.
    #[error("the token is over another hash than that of the checkpoint")]
    Imprint,
    /// It does not answer this request.
    #[error("the nonce of the token is not that of the request")]
    Nonce,
    /// It is of another policy than was asked for.
    #[error("the token was given under the policy {0}, which was not asked for")]
    Policy(PolicyId),
    /// A digest that is not SHA-256, SHA-384 or SHA-512.
    #[error("a digest of the token is none of SHA-256, SHA-384 and SHA-512")]
    Digest,
    /// A signed attribute is missing, there twice or of another form.
    #[error("the signed attribute {0} is missing, doubled or malformed")]
    Attribute(&'static str),
    /// The signed digest is not that of the content.
    #[error("the digest that the authority signed is not that of the token's content")]
    Content,
    /// No certificate there is the one that the signed attributes name.
    #[error("the signer's certificate is not there, or not the one that the token names")]
    Signer,
    /// A certificate can't be read.
    #[error("a certificate is not of its form: {0}")]
    Certificate(&'static str),
    /// The signer's certificate is for something else than time stamps, or not for them alone.
    #[error(
        "the signer's certificate is not for time stamping alone: its extended key usage has to be \
         critical and to name nothing else"
    )]
    Usage,
    /// A signature algorithm that is not checked here.
    #[error(
        "the signature is of a kind that is not checked here: RSA from 2048 bits with SHA-2, \
         ECDSA over P-256 or P-384 with SHA-256 or SHA-384"
    )]
    Algorithm,
    /// The signature over the signed attributes does not verify.
    #[error("the authority's signature does not verify")]
    Signature,
    /// A certificate was not valid at the token's time.
    #[error("a certificate of the authority was not valid at the time that the token tells")]
    NotValidThen,
    /// No path from the signer's certificate to one that is trusted.
    #[error("the authority is none of those that are trusted")]
    UnknownAuthority,
    /// A path is there and does not hold.
    #[error("the authority's certificates do not lead to one that is trusted: {0}")]
    Path(String),
}

/// The policy under which an authority gives tokens: an object identifier, as `1.2.3.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyId(ObjectIdentifier);

impl std::str::FromStr for PolicyId {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let id = ObjectIdentifier::new(text);
        id.map(Self)
            .map_err(|_| TimestampError::Form("the policy is no object identifier"))
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A request (RFC 3161, 2.4.1), so that its answer can be compared with it.
///
/// ```text
/// SEQUENCE { version 1, SEQUENCE { SHA-256, imprint }, policy OPTIONAL, nonce, certReq TRUE }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// SHA-256 of what is stamped.
    pub imprint: Hash,
    /// Fresh for each request, so that no old answer passes for a new one.
    pub nonce: u64,
    /// The policy asked for; the authority's own choice where there is none.
    pub policy: Option<PolicyId>,
    /// Whether the certificates of the answer may stand in another order than that of DER.
    pub any_order: bool,
}

impl Request {
    /// The request as DER. The signer's certificates are asked for with it.
    pub fn to_der(&self) -> Vec<u8> {
        let mut body = vec![0x02, 1, 1];
        let imprint = [reading::SHA_256_ALGORITHM, &octets(self.imprint.as_bytes())].concat();
        body.extend(element(0x30, &imprint));
        if let Some(PolicyId(id)) = &self.policy {
            body.extend(element(0x06, id.as_bytes()));
        }
        // An unsigned integer in DER: shortest, with a zero byte where its first bit is set.
        let nonce = self.nonce.to_be_bytes();
        let significant = nonce.iter().skip_while(|byte| **byte == 0).copied();
        let mut nonce: Vec<u8> = significant.collect();
        if nonce.first().is_none_or(|first| first & 0x80 != 0) {
            nonce.insert(0, 0);
        }
        body.extend(element(0x02, &nonce));
        body.extend([0x01, 1, 0xff]);
        element(0x30, &body)
    }

    /// Reads the answer to this request and checks that it answers it; whether anyone trusts it
    /// is for [`Reply::vouched_by`] to say.
    ///
    /// # Errors
    /// [`TimestampError`], the first thing that is wrong.
    pub fn answered_by<'a>(&self, reply: &'a [u8]) -> Result<Reply<'a>, TimestampError> {
        let reply = Reply::parse(reply)?;
        if reply.nonce() != Some(self.nonce) {
            return Err(TimestampError::Nonce);
        }
        if self.policy.is_some_and(|asked| asked != reply.policy()) {
            return Err(TimestampError::Policy(reply.policy()));
        }
        reply.is_over(&self.imprint)?;
        if !self.any_order {
            reply.in_order()?;
        }
        Ok(reply)
    }
}

/// What a token says once it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When the hash was shown to the authority, by its clock.
    pub time: Timestamp,
    /// Until when the signer's certificate is valid.
    pub certificate_ends: Timestamp,
    /// Which of the trusted certificates vouches for it: its place in the list given.
    pub anchor: usize,
}

fn octets(bytes: &[u8]) -> Vec<u8> {
    element(0x04, bytes)
}

/// One element of DER of at most 127 bytes, which is more than any part of a request has.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len())
        .ok()
        .filter(|length| *length < 0x80);
    let mut bytes = vec![tag, length.expect("a request has at most 110 bytes")];
    bytes.extend_from_slice(content);
    bytes
}

/// The object identifier in these bytes.
fn object_identifier(whole: &[u8]) -> Option<ObjectIdentifier> {
    ObjectIdentifier::from_der(whole).ok()
}
