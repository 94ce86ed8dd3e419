//! Certificates of authorities: what a signer's has to say, and whether a path leads from it to
//! one that is trusted.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, ring as known};

use super::{
    MAX_CERTIFICATE_BYTES, TimestampError, object_identifier,
    reading::{Element, Elements, tag, time},
};
use crate::ids::Timestamp;

/// id-kp-timeStamping, 1.3.6.1.5.5.7.3.8: the content of the object identifier, and all of the
/// extension that names nothing else (RFC 3161, 2.3).
const TIME_STAMPING: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x08";
const TIME_STAMPING_ALONE: &[u8] = b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x08";

/// Signatures in certificates that are taken.
static IN_CERTIFICATES: &[&dyn SignatureVerificationAlgorithm] = &[
    known::ECDSA_P256_SHA256,
    known::ECDSA_P256_SHA384,
    known::ECDSA_P384_SHA256,
    known::ECDSA_P384_SHA384,
    known::ED25519,
    known::RSA_PKCS1_2048_8192_SHA256,
    known::RSA_PKCS1_2048_8192_SHA384,
    known::RSA_PKCS1_2048_8192_SHA512,
    known::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    known::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    known::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

const WHAT: &str = "a certificate";

/// What of a certificate decides here (RFC 5280, 4.1).
pub(super) struct Certificate<'a> {
    /// All of it.
    pub der: &'a [u8],
    /// Who issued it and its number, each a whole element.
    pub issuer: &'a [u8],
    pub serial: &'a [u8],
    from: Timestamp,
    to: Timestamp,
    /// The extended key usage, and whether it is critical.
    usage: Option<(bool, &'a [u8])>,
    /// The first byte of the key usage.
    key_usage: Option<u8>,
}

impl<'a> Certificate<'a> {
    pub fn parse(der: &'a [u8]) -> Result<Self, TimestampError> {
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err(TimestampError::Certificate("it is longer than 16 KiB"));
        }
        Self::read(der).map_err(|_| TimestampError::Certificate("it is not X.509 in DER"))
    }

    fn read(der: &'a [u8]) -> Result<Self, TimestampError> {
        let mut outer = Elements::of(der, WHAT)?;
        let mut signed = outer.inside(tag::SEQUENCE)?;
        outer.end()?;
        let mut fields = signed.inside(tag::SEQUENCE)?;
        signed.next(tag::SEQUENCE)?;
        signed.next(tag::BIT_STRING)?;
        signed.end()?;
        fields.optional(tag::CONTEXT_0)?;
        let serial = fields.next(tag::INTEGER)?.whole;
        fields.next(tag::SEQUENCE)?;
        let issuer = fields.next(tag::SEQUENCE)?.whole;
        let mut validity = fields.inside(tag::SEQUENCE)?;
        let (from, to) = (validity.any()?, validity.any()?);
        validity.end()?;
        let moment = |element: &Element<'_>| time(element).ok_or(fields.wrong());
        let (from, to) = (moment(&from)?, moment(&to)?);
        fields.next(tag::SEQUENCE)?;
        fields.next(tag::SEQUENCE)?;
        fields.optional(tag::PLAIN_1)?;
        fields.optional(tag::PLAIN_2)?;
        let extensions = fields.optional(tag::CONTEXT_3)?;
        fields.end()?;
        let mut certificate = Self {
            der,
            issuer,
            serial,
            from,
            to,
            usage: None,
            key_usage: None,
        };
        if let Some(extensions) = extensions {
            let mut inside = Elements::of(extensions.value, WHAT)?;
            let mut all = inside.inside(tag::SEQUENCE)?;
            inside.end()?;
            while !all.is_empty() {
                certificate.take(all.inside(tag::SEQUENCE)?)?;
            }
        }
        Ok(certificate)
    }

    fn take(&mut self, mut extension: Elements<'a>) -> Result<(), TimestampError> {
        let id = extension.identifier()?.to_string();
        let critical = extension.optional(tag::BOOLEAN)?;
        let critical = critical.is_some_and(|critical| critical.value == [0xff]);
        let value = extension.next(tag::OCTET_STRING)?.value;
        extension.end()?;
        match id.as_str() {
            "2.5.29.37" if self.usage.is_none() => self.usage = Some((critical, value)),
            "2.5.29.15" if self.key_usage.is_none() => {
                let mut inside = Elements::of(value, WHAT)?;
                let bits = inside.next(tag::BIT_STRING)?.value;
                self.key_usage = Some(bits.get(1).copied().unwrap_or(0));
            }
            // Twice the same would mean whatever a reader takes of it (RFC 5280, 4.2).
            "2.5.29.37" | "2.5.29.15" => return Err(extension.wrong()),
            _ => {}
        }
        Ok(())
    }

    /// Until when it is valid.
    pub const fn ends(&self) -> Timestamp {
        self.to
    }

    fn was_valid(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }

    /// That it is for time stamps alone (RFC 3161, 2.3), and for signatures if it says for what.
    pub fn may_stamp(&self) -> Result<(), TimestampError> {
        // digitalSignature and contentCommitment: the first two bits.
        let signs = self.key_usage.is_none_or(|bits| bits & 0b1100_0000 != 0);
        match self.usage {
            Some((true, TIME_STAMPING_ALONE)) if signs => Ok(()),
            _ => Err(TimestampError::Usage),
        }
    }

    /// That its key made this signature, by one of these algorithms.
    pub fn signed(
        &self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), TimestampError> {
        let der = CertificateDer::from(self.der);
        let certificate = EndEntityCert::try_from(&der)
            .map_err(|_| TimestampError::Certificate("it is not X.509 version 3"))?;
        for algorithm in algorithms {
            match certificate.verify_signature(*algorithm, message, signature) {
                Ok(()) => return Ok(()),
                Err(webpki::Error::InvalidSignatureForPublicKey) => {
                    return Err(TimestampError::Signature);
                }
                // Of another kind of key: the next one may fit.
                Err(_) => {}
            }
        }
        Err(TimestampError::Algorithm)
    }
}

/// A certificate that is trusted: an authority's own, or that of an issuer of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    der: Vec<u8>,
    from: Timestamp,
    to: Timestamp,
}

impl Anchor {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// [`TimestampError::Certificate`].
    pub fn parse(der: &[u8]) -> Result<Self, TimestampError> {
        let read = Certificate::parse(der)?;
        trust_anchor(&CertificateDer::from(der))?;
        Ok(Self {
            der: der.to_vec(),
            from: read.from,
            to: read.to,
        })
    }

    /// The certificate, DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Until when it is valid.
    pub const fn ends(&self) -> Timestamp {
        self.to
    }

    fn was_valid(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

/// Which of the anchors vouches for the signer at this time: it is the signer's own certificate,
/// or a path leads to it over the certificates of the reply.
pub(super) fn path(
    signer: &Certificate<'_>,
    others: &[&[u8]],
    anchors: &[Anchor],
    at: Timestamp,
) -> Result<usize, TimestampError> {
    let own = anchors.iter().position(|anchor| anchor.der == signer.der);
    if let Some(own) = own {
        return if signer.was_valid(at) {
            Ok(own)
        } else {
            Err(TimestampError::NotValidThen)
        };
    }
    let ders: Vec<CertificateDer<'_>> = anchors
        .iter()
        .map(|anchor| CertificateDer::from(anchor.der.as_slice()))
        .collect();
    let trusted = ders.iter().map(trust_anchor);
    let trusted = trusted.collect::<Result<Vec<_>, _>>()?;
    let between: Vec<CertificateDer<'_>> = others
        .iter()
        .map(|der| CertificateDer::from(*der))
        .collect();
    let der = CertificateDer::from(signer.der);
    let certificate = EndEntityCert::try_from(&der)
        .map_err(|_| TimestampError::Certificate("it is not X.509 version 3"))?;
    let seconds =
        u64::try_from(at.micros() / 1_000_000).map_err(|_| TimestampError::NotValidThen)?;
    let found = certificate
        .verify_for_usage(
            IN_CERTIFICATES,
            &trusted,
            &between,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            // The signer's was looked at; issuers need not have one (RFC 5280, 4.2.1.12).
            KeyUsage::required_if_present(TIME_STAMPING),
            None,
            None,
        )
        .map_err(|error| told(&error))?;
    let anchor = trusted
        .iter()
        .position(|anchor| anchor == found.anchor())
        .ok_or(TimestampError::UnknownAuthority)?;
    // The path's own rules ask nothing of an anchor (RFC 5280, 6.1.1); a verifier who names a
    // certificate with an end does.
    if anchors[anchor].was_valid(at) {
        Ok(anchor)
    } else {
        Err(TimestampError::NotValidThen)
    }
}

fn trust_anchor<'a>(der: &'a CertificateDer<'a>) -> Result<TrustAnchor<'a>, TimestampError> {
    webpki::anchor_from_trusted_cert(der)
        .map_err(|_| TimestampError::Certificate("it can't be an anchor of trust"))
}

fn told(error: &webpki::Error) -> TimestampError {
    use webpki::Error;
    match error {
        Error::UnknownIssuer => TimestampError::UnknownAuthority,
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => TimestampError::NotValidThen,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => TimestampError::Algorithm,
        other => TimestampError::Path(other.to_string()),
    }
}

/// Whether a whole element is this object identifier.
pub(super) fn is(whole: &[u8], expected: &str) -> bool {
    object_identifier(whole).is_some_and(|id| id.to_string() == expected)
}
