"""A certificate authority for tests, and what it signs: good certificates and those that must not be believed."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates; `path` is what those who believe it are given."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        self.path = self.write("authority", self.builder(self.name, self.key, authority=True), self.key)[0]

    def certificate(self, name, host="localhost", begins=-1, ends=2, signed=True):
        """Files of a certificate and its key. `begins` and `ends` are days from now; not signed means by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        builder = self.builder(subject, key, begins, ends, issuer=self.name if signed else subject)
        names = [x509.DNSName(host)]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        return self.write(name, builder, self.key if signed else key, key)

    def builder(self, subject, key, begins=-1, ends=2, authority=False, issuer=None):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins * DAY)
            .not_valid_after(now + ends * DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), True)
        )

    def write(self, name, builder, signer, key=None):
        certificate, secret = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        form = serialization.Encoding.PEM
        certificate.write_bytes(builder.sign(signer, hashes.SHA256()).public_bytes(form))
        private = (key or signer).private_bytes(
            form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        secret.touch(mode=0o600)
        secret.write_bytes(private)
        return certificate, secret
