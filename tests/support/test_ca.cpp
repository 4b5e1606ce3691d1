#include "support/test_ca.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <vector>

namespace tideover::test {
namespace {

using key_ptr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using x509_ptr = std::unique_ptr<X509, decltype(&X509_free)>;

constexpr long one_day = 24L * 60 * 60;

key_ptr make_key() {
  key_ptr key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  if (!key) throw std::runtime_error("cannot make a key");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  if (extension == nullptr) throw std::runtime_error(std::string("cannot make extension ") + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

struct description {
  const char* common_name;
  const char* alternative_names;  // null: a certificate authority
  long not_before_in_seconds = -one_day;
  long not_after_in_seconds = 30 * one_day;
  long serial = 1;
  const char* usage = "serverAuth";
};

/// Signed by `issuer` with `issuer_key`, or by itself when there is no issuer.
x509_ptr make_certificate(const description& what, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  x509_ptr certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), what.serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), what.not_before_in_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), what.not_after_in_seconds);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(what.common_name), -1, -1,
                             0);
  X509* const signer = issuer != nullptr ? issuer : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  if (what.alternative_names == nullptr) {
    add_extension(certificate.get(), signer, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate.get(), signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    add_extension(certificate.get(), signer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate.get(), signer, NID_ext_key_usage, what.usage);
    add_extension(certificate.get(), signer, NID_subject_alt_name, what.alternative_names);
  }
  if (X509_sign(certificate.get(), issuer_key != nullptr ? issuer_key : key, EVP_sha256()) == 0)
    throw std::runtime_error("cannot sign a certificate");
  return certificate;
}

void save_certificate(const std::string& path, X509* certificate) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "we"), &std::fclose);
  if (!file || PEM_write_X509(file.get(), certificate) != 1) throw std::runtime_error("cannot write " + path);
}

void save_key(const temporary_folder& folder, const std::string& name, EVP_PKEY* key) {
  folder.write(name, "");  // creates it with mode 0600
  auto const path = folder.file(name);
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "we"), &std::fclose);
  if (!file || PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    throw std::runtime_error("cannot write " + path);
}

}  // namespace

test_ca::test_ca() {
  auto const ca_key = make_key();
  auto const ca = make_certificate({.common_name = "Tideover test CA", .alternative_names = nullptr}, ca_key.get(),
                                   nullptr, nullptr);
  ca_file_ = folder_.file("ca.pem");
  save_certificate(ca_file_, ca.get());
  save_key(folder_, "ca.key", ca_key.get());
  ca_key_file_ = folder_.file("ca.key");

  long serial = 2;
  auto const leaf = [&](const std::string& name, description what, bool signed_by_ca = true) {
    auto const key = make_key();
    what.serial = serial++;
    auto const made =
        make_certificate(what, key.get(), signed_by_ca ? ca.get() : nullptr, signed_by_ca ? ca_key.get() : nullptr);
    save_certificate(folder_.file(name + ".pem"), made.get());
    save_key(folder_, name + ".key", key.get());
    return certificate{folder_.file(name + ".pem"), folder_.file(name + ".key")};
  };
  constexpr auto ours = "IP:127.0.0.1,IP:::1,DNS:localhost,DNS:cloud.test";
  good_ = leaf("good", {.common_name = "cloud.test", .alternative_names = ours});
  wrong_host_ = leaf("wrong_host", {.common_name = "wrong.test", .alternative_names = "DNS:wrong.test"});
  expired_ = leaf("expired", {.common_name = "cloud.test",
                              .alternative_names = ours,
                              .not_before_in_seconds = -2000 * one_day,
                              .not_after_in_seconds = -1500 * one_day});
  not_yet_ = leaf("not_yet", {.common_name = "cloud.test",
                              .alternative_names = ours,
                              .not_before_in_seconds = 365 * one_day,
                              .not_after_in_seconds = 400 * one_day});
  self_signed_ = leaf("self_signed", {.common_name = "cloud.test", .alternative_names = ours}, false);
  caller_ = leaf("caller", {.common_name = "crm", .alternative_names = "DNS:crm.test", .usage = "clientAuth"});
}

certificate test_ca::chain_of(unsigned intermediates) const {
  auto const open = [](const std::string& path) {
    return std::unique_ptr<FILE, int (*)(FILE*)>(std::fopen(path.c_str(), "re"), &std::fclose);
  };
  x509_ptr issuer(PEM_read_X509(open(ca_file_).get(), nullptr, nullptr, nullptr), &X509_free);
  key_ptr issuer_key(PEM_read_PrivateKey(open(ca_key_file_).get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  if (!issuer || !issuer_key) throw std::runtime_error("cannot read the authority");
  auto const name = "chain_of_" + std::to_string(intermediates);
  std::vector<x509_ptr> chain;  // from the authority down
  long serial = 1000;
  for (unsigned i = 0; i <= intermediates; ++i) {
    bool const leaf = i == intermediates;
    auto key = make_key();
    auto const subject = leaf ? "cloud.test" : "Tideover test CA " + std::to_string(i);
    auto made = make_certificate({.common_name = subject.c_str(),
                                  .alternative_names = leaf ? "IP:127.0.0.1,DNS:cloud.test" : nullptr,
                                  .serial = serial++},
                                 key.get(), chain.empty() ? issuer.get() : chain.back().get(), issuer_key.get());
    chain.push_back(std::move(made));
    if (leaf) save_key(folder_, name + ".key", key.get());
    issuer_key = std::move(key);
  }
  auto const path = folder_.file(name + ".pem");
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "we"), &std::fclose);
  for (auto one = chain.rbegin(); one != chain.rend(); ++one)
    if (!file || PEM_write_X509(file.get(), one->get()) != 1) throw std::runtime_error("cannot write " + path);
  return {path, folder_.file(name + ".key")};
}

}  // namespace tideover::test
