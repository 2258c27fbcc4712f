//! What an X.509 certificate says of its holder. Whether to believe it is TLS's business.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_cert::der::{self, Decode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The names in a certificate, as they stand there, and its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// SHA-256 of the whole certificate in DER.
    pub(crate) fingerprint: [u8; 32],
    /// The subject's common name, or the first of several.
    pub(crate) common_name: Option<String>,
    /// Hosts (`dNSName`), some of them perhaps with a wildcard.
    pub(crate) hosts: Vec<String>,
    /// `uniformResourceIdentifier`.
    pub(crate) uris: Vec<String>,
    /// `rfc822Name`.
    pub(crate) email_addresses: Vec<String>,
    /// `iPAddress`.
    pub(crate) ip_addresses: Vec<IpAddr>,
}

impl Certificate {
    /// Reads what RFC 5280 (4.1.2.6, 4.2.1.6) calls the subject and its alternative names.
    ///
    /// # Errors
    /// If that is not the encoding of a certificate, or of these names.
    pub(crate) fn read(octets: &CertificateDer<'_>) -> Result<Self, der::Error> {
        let certificate = x509_cert::Certificate::from_der(octets)?;
        let fields = certificate.tbs_certificate();
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, octets).as_ref());
        let mut read = Self {
            fingerprint,
            common_name: fields.subject().common_name()?.map(String::from),
            hosts: Vec::new(),
            uris: Vec::new(),
            email_addresses: Vec::new(),
            ip_addresses: Vec::new(),
        };
        if let Some((_, SubjectAltName(names))) = fields.get_extension()? {
            for name in names {
                read.add(name);
            }
        }
        Ok(read)
    }

    /// The alternative names, as principals are known by them: `dns:a.example`.
    pub(crate) fn alternative_names(&self) -> impl Iterator<Item = String> {
        let hosts = self.hosts.iter().map(|host| format!("dns:{}", host.to_ascii_lowercase()));
        let uris = self.uris.iter().map(|uri| format!("uri:{uri}"));
        let emails = self.email_addresses.iter().map(|address| format!("email:{address}"));
        hosts.chain(uris).chain(emails).chain(self.ip_addresses.iter().map(|address| format!("ip:{address}")))
    }

    fn add(&mut self, name: GeneralName) {
        match name {
            GeneralName::DnsName(host) => self.hosts.push(host.to_string()),
            GeneralName::UniformResourceIdentifier(uri) => self.uris.push(uri.to_string()),
            GeneralName::Rfc822Name(address) => self.email_addresses.push(address.to_string()),
            GeneralName::IpAddress(octets) => self.ip_addresses.extend(ip_address(octets.as_bytes())),
            GeneralName::OtherName(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::RegisteredId(_) => {}
        }
    }
}

fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

impl fmt::Display for Certificate {
    /// The fingerprint: names are free to be anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fingerprint.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn names_of_all_kinds_are_read() {
        let mut params = CertificateParams::new(["a.example".to_owned(), "*.b.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Älice");
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        params.subject_alt_names.extend([
            SanType::URI("spiffe://a.example/alice".try_into().unwrap()),
            SanType::Rfc822Name("alice@a.example".try_into().unwrap()),
            SanType::IpAddress("192.0.2.1".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ]);
        let issued = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = Certificate::read(issued.der()).unwrap();
        assert_eq!(read.common_name.as_deref(), Some("Älice"));
        assert_eq!(read.hosts, ["a.example", "*.b.example"]);
        assert_eq!(read.uris, ["spiffe://a.example/alice"]);
        assert_eq!(read.email_addresses, ["alice@a.example"]);
        let addresses: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        assert_eq!(read.ip_addresses, addresses);
        assert_eq!(read.to_string().len(), 64);
    }

    #[test]
    fn the_fingerprint_is_that_of_the_whole_certificate() {
        let issue = || {
            let params = CertificateParams::new(["a.example".to_owned()]).unwrap();
            params.self_signed(&KeyPair::generate().unwrap()).unwrap()
        };
        let (one, other) = (issue(), issue());
        let read = Certificate::read(one.der()).unwrap();
        assert_eq!(read.fingerprint, digest(&SHA256, one.der()).as_ref());
        assert_ne!(read.fingerprint, Certificate::read(other.der()).unwrap().fingerprint);
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        let issued = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let octets = issued.cert.der();
        assert!(Certificate::read(&CertificateDer::from(octets[..octets.len() - 1].to_vec())).is_err());
        assert!(Certificate::read(&CertificateDer::from(Vec::new())).is_err());
    }
}
