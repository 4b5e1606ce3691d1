// A certificate authority made at test start, and the good and bad leaf certificates that TLS tests need.
// Not for anything but tests: keys lie unprotected in a temporary folder that is removed at the end.
#pragma once

#include <string>

#include "support/temporary_folder.hpp"

namespace tideover::test {

struct certificate {
  std::string certificate_file;
  std::string key_file;
};

class test_ca {
 public:
  test_ca();

  const std::string& ca_file() const { return ca_file_; }
  const certificate& good() const { return good_; }                // 127.0.0.1, localhost, cloud.test
  const certificate& wrong_host() const { return wrong_host_; }    // wrong.test
  const certificate& expired() const { return expired_; }          // ended in 2021
  const certificate& not_yet_valid() const { return not_yet_; }    // begins in a year
  const certificate& self_signed() const { return self_signed_; }  // nobody vouches for it

  const certificate& caller() const { return caller_; }  // of somebody who calls

  /// A good leaf behind so many authorities, each vouching for the next, all of them in the file.
  certificate chain_of(unsigned intermediates) const;

 private:
  temporary_folder folder_;
  std::string ca_file_, ca_key_file_;
  certificate good_, wrong_host_, expired_, not_yet_, self_signed_, caller_;
};

}  // namespace tideover::test
