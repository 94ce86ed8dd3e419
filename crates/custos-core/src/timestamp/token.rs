//! A reply and the token in it, read and verified.

use ring::digest;
use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::ring as known;

use super::{
    Anchor, MAX_REPLY_BYTES, PolicyId, Stamp, TimestampError,
    certificate::{self, Certificate, is},
    reading::{Element, Elements, is_sorted, members, number, sorted, tag, time},
};
use crate::{hash::Hash, ids::Timestamp};

/// Object identifiers of RFC 5652, RFC 3161, RFC 5035, RFC 8017 and RFC 5758.
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";

/// Most certificates of a reply.
const MAX_CERTIFICATES: usize = 16;
/// Most signed attributes, and digests that a reply lists.
const MAX_ATTRIBUTES: usize = 32;
/// Longest serial number of a token in bytes, and one for the sign (RFC 3161, 2.4.2).
const MAX_SERIAL_BYTES: usize = 21;

/// A reply with a token that is of its form and whose signed digest is that of its content. Whether
/// its signature holds, and by whom it is, is for [`Reply::vouched_by`] to say.
pub struct Reply<'a> {
    info: Info<'a>,
    certificates: Vec<&'a [u8]>,
    in_order: bool,
    attributes: Attributes<'a>,
    signed: Signed<'a>,
}

impl<'a> Reply<'a> {
    /// Reads a whole reply.
    ///
    /// # Errors
    /// [`TimestampError`]: it is too long, not of its form, or carries no token.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TimestampError> {
        if bytes.len() > MAX_REPLY_BYTES {
            return Err(TimestampError::TooLong);
        }
        let mut outer = Elements::of(bytes, "the reply")?;
        let mut reply = outer.inside(tag::SEQUENCE)?;
        outer.end()?;
        granted(reply.inside(tag::SEQUENCE)?)?;
        let mut token = reply.inside(tag::SEQUENCE)?;
        reply.end()?;
        if !is(token.next(tag::OBJECT_IDENTIFIER)?.whole, SIGNED_DATA) {
            return Err(token.wrong());
        }
        let mut explicit = token.inside(tag::CONTEXT_0)?;
        token.end()?;
        let signed_data = explicit.inside(tag::SEQUENCE)?;
        explicit.end()?;
        Self::signed_data(signed_data)
    }

    /// `SEQUENCE { version, digests, content, [0] certificates, [1] revocations, signers }`
    fn signed_data(mut data: Elements<'a>) -> Result<Self, TimestampError> {
        // 3 because the content is no plain data, 4 and 5 for kinds of certificates that are not
        // looked at (RFC 5652, 5.1).
        if !(3..=5).contains(&data.small()?) {
            return Err(data.wrong());
        }
        sorted(data.next(tag::SET)?.value, MAX_ATTRIBUTES, "the digests")?;
        let content = content(data.inside(tag::SEQUENCE)?)?;
        let certificates = match data.optional(tag::CONTEXT_0)? {
            Some(set) => members(set.value, MAX_CERTIFICATES)?,
            None => Vec::new(),
        };
        let in_order = is_sorted(&certificates);
        data.optional(tag::CONTEXT_1)?;
        let signers = sorted(data.next(tag::SET)?.value, 1, "the signers")?;
        data.end()?;
        let [signer] = signers.as_slice() else {
            return Err(TimestampError::Form("a token has exactly one signer"));
        };
        if signer.tag != tag::SEQUENCE {
            return Err(data.wrong());
        }
        let signed = Signed::read(Elements::of(signer.value, "the signer's part")?)?;
        let attributes = Attributes::read(signed.attributes.value)?;
        let digest = digest::digest(signed.digest, content);
        if attributes.message_digest != digest.as_ref() {
            return Err(TimestampError::Content);
        }
        Ok(Self {
            info: Info::read(content)?,
            // Others than X.509 certificates carry a tag of their own (RFC 5652, 10.2.2).
            certificates: certificates
                .iter()
                .filter(|element| element.tag == tag::SEQUENCE)
                .map(|element| element.whole)
                .collect(),
            in_order,
            attributes,
            signed,
        })
    }

    /// That the set of certificates is in the order of DER, as RFC 3161 (3.4) asks of a reply.
    ///
    /// # Errors
    /// [`TimestampError::Unsorted`].
    pub const fn in_order(&self) -> Result<(), TimestampError> {
        if self.in_order {
            Ok(())
        } else {
            Err(TimestampError::Unsorted("the certificates of the reply"))
        }
    }

    /// When the hash was shown to the authority, as the token says.
    pub const fn time(&self) -> Timestamp {
        self.info.time
    }

    /// Under which policy it was given.
    pub const fn policy(&self) -> PolicyId {
        self.info.policy
    }

    /// The nonce, if it is below 2^64.
    pub const fn nonce(&self) -> Option<u64> {
        self.info.nonce
    }

    /// That it stamps this SHA-256.
    ///
    /// # Errors
    /// [`TimestampError::Imprint`].
    pub fn is_over(&self, imprint: &Hash) -> Result<(), TimestampError> {
        if self.info.imprint == imprint.as_bytes() {
            Ok(())
        } else {
            Err(TimestampError::Imprint)
        }
    }

    /// That one of these certificates vouches for the token: the signature of the signed
    /// attributes, the certificate that they name, its usage, and a path from it, all valid at the
    /// token's time.
    ///
    /// # Errors
    /// [`TimestampError`]; [`TimestampError::UnknownAuthority`] where the token holds by itself
    /// and none of the anchors is its.
    pub fn vouched_by(&self, anchors: &[Anchor]) -> Result<Stamp, TimestampError> {
        let there = self.certificates.iter().copied();
        let mut all = there.chain(anchors.iter().map(Anchor::der));
        let der = all
            .find(|der| self.attributes.names(der))
            .ok_or(TimestampError::Signer)?;
        let signer = Certificate::parse(der)?;
        let named = [signer.issuer, signer.serial].concat();
        if self.signed.signer.value != named {
            return Err(TimestampError::Signer);
        }
        signer.may_stamp()?;
        let algorithms = algorithms(self.signed.digest, &self.signed.algorithm)?;
        // The signature is over the attributes with the tag of a set (RFC 5652, 5.4).
        let mut message = self.signed.attributes.whole.to_vec();
        if let Some(first) = message.first_mut() {
            *first = tag::SET;
        }
        signer.signed(&algorithms, &message, self.signed.signature)?;
        let anchor = certificate::path(&signer, &self.certificates, anchors, self.info.time)?;
        Ok(Stamp {
            time: self.info.time,
            certificate_ends: signer.ends(),
            anchor,
        })
    }
}

/// `SEQUENCE { status, texts OPTIONAL, failure OPTIONAL }`: 0 and 1 come with a token.
fn granted(mut status: Elements<'_>) -> Result<(), TimestampError> {
    let number = status.small()?;
    // The authority's own words are not passed on: they may be anything.
    status.optional(tag::SEQUENCE)?;
    let failure = status.optional(tag::BIT_STRING)?;
    status.end()?;
    if number <= 1 {
        return Ok(());
    }
    let bits = failure.map_or(&[][..], |failure| failure.value);
    let has = |bit: usize| {
        let byte = bits.get(1 + bit / 8).copied().unwrap_or(0);
        byte & (0x80 >> (bit % 8)) != 0
    };
    let words = [
        (0, "it does not take this digest"),
        (2, "it does not allow this request"),
        (5, "it could not read the request"),
        (14, "its source of time is not available"),
        (15, "it does not give tokens under the policy asked for"),
        (16, "it does not take an extension"),
        (17, "it could not give what was asked for"),
        (25, "it failed"),
    ];
    let why = words.into_iter().find(|(bit, _)| has(*bit));
    Err(TimestampError::Rejected {
        status: number,
        why: why.map_or("it gave no reason", |(_, why)| why),
    })
}

/// `SEQUENCE { id-ct-TSTInfo, [0] { OCTET STRING } }`
fn content(mut outer: Elements<'_>) -> Result<&[u8], TimestampError> {
    if !is(outer.next(tag::OBJECT_IDENTIFIER)?.whole, TST_INFO) {
        return Err(outer.wrong());
    }
    let mut explicit = outer.inside(tag::CONTEXT_0)?;
    outer.end()?;
    let content = explicit.next(tag::OCTET_STRING)?.value;
    explicit.end()?;
    Ok(content)
}

/// What is stamped, and when.
struct Info<'a> {
    policy: PolicyId,
    imprint: &'a [u8],
    time: Timestamp,
    nonce: Option<u64>,
}

impl<'a> Info<'a> {
    /// `SEQUENCE { version, policy, imprint, serial, time, accuracy, ordering, nonce, [0] tsa,
    /// [1] extensions }`, of which the last five may be absent.
    fn read(content: &'a [u8]) -> Result<Self, TimestampError> {
        let mut outer = Elements::of(content, "the token's content")?;
        let mut info = outer.inside(tag::SEQUENCE)?;
        outer.end()?;
        if info.small()? != 1 {
            return Err(info.wrong());
        }
        let policy = info.policy()?;
        let mut imprint = info.inside(tag::SEQUENCE)?;
        if imprint.digest()? != &digest::SHA256 {
            return Err(TimestampError::Imprint);
        }
        let stamped = imprint.next(tag::OCTET_STRING)?.value;
        imprint.end()?;
        if info.next(tag::INTEGER)?.value.len() > MAX_SERIAL_BYTES {
            return Err(info.wrong());
        }
        let told = info.next(tag::GENERALIZED_TIME)?;
        let time = time(&told).ok_or(TimestampError::Form("the token's time"))?;
        if let Some(accuracy) = info.optional(tag::SEQUENCE)? {
            check_accuracy(&accuracy)?;
        }
        if let Some(ordering) = info.optional(tag::BOOLEAN)? {
            // What is false by default is not written (X.690 11.5).
            if ordering.value != [0xff] {
                return Err(info.wrong());
            }
        }
        let nonce = info.optional(tag::INTEGER)?;
        let nonce = nonce.and_then(|nonce| number(nonce.whole));
        // A name is a hint: the signed attributes name the certificate (RFC 3161, 2.4.2).
        info.optional(tag::CONTEXT_0)?;
        if let Some(extensions) = info.optional(tag::CONTEXT_1)? {
            refuse_critical(&extensions)?;
        }
        info.end()?;
        Ok(Self {
            policy,
            imprint: stamped,
            time,
            nonce,
        })
    }
}

/// `SEQUENCE { seconds OPTIONAL, [0] millis OPTIONAL, [1] micros OPTIONAL }`
fn check_accuracy(accuracy: &Element<'_>) -> Result<(), TimestampError> {
    let mut parts = Elements::of(accuracy.value, "the token's accuracy")?;
    parts.optional(tag::INTEGER)?;
    parts.optional(tag::PLAIN_0)?;
    parts.optional(tag::PLAIN_1)?;
    parts.end()
}

fn refuse_critical(extensions: &Element<'_>) -> Result<(), TimestampError> {
    let mut all = Elements::of(extensions.value, "an extension of the token")?;
    while !all.is_empty() {
        let mut extension = all.inside(tag::SEQUENCE)?;
        extension.identifier()?;
        if extension.optional(tag::BOOLEAN)?.is_some() {
            return Err(TimestampError::Form("a critical extension of the token"));
        }
        extension.next(tag::OCTET_STRING)?;
        extension.end()?;
    }
    Ok(())
}

/// The signer's part.
struct Signed<'a> {
    /// Issuer and serial number.
    signer: Element<'a>,
    digest: &'static digest::Algorithm,
    /// The signed attributes, under the tag `[0]`.
    attributes: Element<'a>,
    algorithm: Element<'a>,
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// `SEQUENCE { version 1, issuer and serial, digest, [0] signed attributes, algorithm,
    /// signature, [1] unsigned attributes OPTIONAL }`
    fn read(mut part: Elements<'a>) -> Result<Self, TimestampError> {
        if part.small()? != 1 {
            return Err(part.wrong());
        }
        let read = Self {
            signer: part.next(tag::SEQUENCE)?,
            digest: part.digest()?,
            attributes: part.next(tag::CONTEXT_0)?,
            algorithm: part.next(tag::SEQUENCE)?,
            signature: part.next(tag::OCTET_STRING)?.value,
        };
        part.optional(tag::CONTEXT_1)?;
        part.end()?;
        Ok(read)
    }
}

/// The signed attributes that decide.
struct Attributes<'a> {
    message_digest: &'a [u8],
    /// Hash of the signer's certificate, and by what.
    certificate: (&'static digest::Algorithm, &'a [u8]),
}

impl<'a> Attributes<'a> {
    fn read(content: &'a [u8]) -> Result<Self, TimestampError> {
        let (mut kind, mut digest, mut certificate) = (None, None, None);
        for attribute in sorted(content, MAX_ATTRIBUTES, "the signed attributes")? {
            let mut parts = Elements::of(attribute.value, "a signed attribute")?;
            let id = parts.next(tag::OBJECT_IDENTIFIER)?;
            let values = parts.next(tag::SET)?;
            parts.end()?;
            let place = match () {
                () if is(id.whole, CONTENT_TYPE) => &mut kind,
                () if is(id.whole, MESSAGE_DIGEST) => &mut digest,
                () if is(id.whole, SIGNING_CERTIFICATE_V2) => &mut certificate,
                () => continue,
            };
            // None has more than one value, and none stands twice (RFC 5652, 11).
            if attribute.tag != tag::SEQUENCE || place.replace(values.value).is_some() {
                return Err(TimestampError::Attribute("of one kind"));
            }
        }
        let kind = kind.filter(|kind| is(kind, TST_INFO));
        kind.ok_or(TimestampError::Attribute("`content type`"))?;
        let missing = TimestampError::Attribute("`message digest`");
        let digest = digest.ok_or(missing.clone())?;
        let mut value = Elements::of(digest, "a signed attribute")?;
        let message_digest = value.next(tag::OCTET_STRING).map_err(|_| missing)?.value;
        value.end()?;
        let missing = TimestampError::Attribute("`signing certificate v2`");
        let certificate = certificate.ok_or(missing.clone())?;
        Ok(Self {
            message_digest,
            certificate: first_certificate(certificate).map_err(|error| match error {
                TimestampError::Form(_) => missing,
                other => other,
            })?,
        })
    }

    /// Whether this is the certificate that the token names.
    fn names(&self, der: &[u8]) -> bool {
        let (algorithm, hash) = self.certificate;
        digest::digest(algorithm, der).as_ref() == hash
    }
}

/// `SEQUENCE { SEQUENCE OF { digest DEFAULT SHA-256, hash, issuer and serial OPTIONAL }, policies
/// OPTIONAL }`: the first is the signer's (RFC 5035, 3).
fn first_certificate(value: &[u8]) -> Result<(&'static digest::Algorithm, &[u8]), TimestampError> {
    let mut outer = Elements::of(value, "the signing certificate")?;
    let mut attribute = outer.inside(tag::SEQUENCE)?;
    outer.end()?;
    let mut all = attribute.inside(tag::SEQUENCE)?;
    attribute.optional(tag::SEQUENCE)?;
    attribute.end()?;
    let mut first = all.inside(tag::SEQUENCE)?;
    while !all.is_empty() {
        all.next(tag::SEQUENCE)?;
    }
    let before = first.optional(tag::SEQUENCE)?;
    let algorithm = match before {
        Some(algorithm) => Elements::of(algorithm.whole, "the signing certificate")?.digest()?,
        None => &digest::SHA256,
    };
    let hash = first.next(tag::OCTET_STRING)?.value;
    first.optional(tag::SEQUENCE)?;
    first.end()?;
    Ok((algorithm, hash))
}

/// The ways to check a signature that this digest and `AlgorithmIdentifier` allow.
fn algorithms(
    digest: &'static digest::Algorithm,
    algorithm: &Element<'_>,
) -> Result<Vec<&'static dyn SignatureVerificationAlgorithm>, TimestampError> {
    let mut inside = Elements::of(algorithm.value, "the signature's algorithm")?;
    let id = inside.identifier()?.to_string();
    let place = [&digest::SHA256, &digest::SHA384, &digest::SHA512]
        .iter()
        .position(|known| *known == digest)
        .ok_or(TimestampError::Digest)?;
    let pkcs1 = [
        known::RSA_PKCS1_2048_8192_SHA256,
        known::RSA_PKCS1_2048_8192_SHA384,
        known::RSA_PKCS1_2048_8192_SHA512,
    ];
    let pss = [
        known::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        known::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        known::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    ];
    // rsaEncryption leaves the digest to the signer's part; the others name it themselves, and
    // it has to be the same.
    let found = match (id.as_str(), place) {
        ("1.2.840.113549.1.1.1", _)
        | ("1.2.840.113549.1.1.11", 0)
        | ("1.2.840.113549.1.1.12", 1)
        | ("1.2.840.113549.1.1.13", 2) => vec![pkcs1[place]],
        // The parameters of PSS are compared as they stand, so that they say what is checked.
        ("1.2.840.113549.1.1.10", _)
            if pss[place].signature_alg_id().as_ref() == algorithm.value =>
        {
            vec![pss[place]]
        }
        ("1.2.840.10045.4.3.2", 0) => vec![known::ECDSA_P256_SHA256, known::ECDSA_P384_SHA256],
        ("1.2.840.10045.4.3.3", 1) => vec![known::ECDSA_P256_SHA384, known::ECDSA_P384_SHA384],
        _ => return Err(TimestampError::Algorithm),
    };
    Ok(found)
}
