#include <openssl/evp.h>

#include <charconv>
#include <stdexcept>

#include "tideover/core/http_message.hpp"
#include "tideover/net/dialer.hpp"

namespace tideover::net {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool is_excluded(std::string_view no_proxy, std::string_view host) {
  while (!no_proxy.empty()) {
    auto const comma = no_proxy.find(',');
    auto entry = trimmed(no_proxy.substr(0, comma));
    no_proxy.remove_prefix(comma == std::string_view::npos ? no_proxy.size() : comma + 1);
    if (entry == "*") return true;
    if (entry.starts_with("*.")) entry.remove_prefix(1);
    if (entry.empty()) continue;
    if (iequals(entry, host)) return true;
    if (entry.front() == '.') entry.remove_prefix(1);
    if (iequals(entry, host)) return true;
    if (host.size() > entry.size() + 1 && host[host.size() - entry.size() - 1] == '.' &&
        iequals(host.substr(host.size() - entry.size()), entry))
      return true;
  }
  return false;
}

std::string base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  int const n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::optional<tunnel> tunnel_for(const proxy_environment& environment, const std::string& host, std::uint16_t) {
  if (environment.https_proxy.empty() || is_excluded(environment.no_proxy, host)) return std::nullopt;
  std::string_view rest = trimmed(environment.https_proxy);
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.find("://") != std::string_view::npos) {
    throw std::invalid_argument("HTTPS_PROXY must be an http:// address; other kinds of proxy are not supported");
  }
  if (auto const slash = rest.find('/'); slash != std::string_view::npos) rest = rest.substr(0, slash);
  tunnel t;
  if (auto const at = rest.rfind('@'); at != std::string_view::npos) {
    t.authorization = "Basic " + base64(percent_decoded(rest.substr(0, at)));
    rest.remove_prefix(at + 1);
  }
  std::string_view port_text;
  if (rest.starts_with('[')) {
    auto const end = rest.find(']');
    if (end == std::string_view::npos) throw std::invalid_argument("HTTPS_PROXY: the IPv6 address lacks its ]");
    t.host = rest.substr(1, end - 1);
    if (end + 1 < rest.size() && rest[end + 1] == ':') port_text = rest.substr(end + 2);
  } else {
    auto const colon = rest.rfind(':');
    t.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port_text = rest.substr(colon + 1);
  }
  unsigned port = 1080;  // what curl takes when nothing is said
  if (!port_text.empty()) {
    auto const end = port_text.data() + port_text.size();
    auto const [stop, code] = std::from_chars(port_text.data(), end, port);
    if (code != std::errc{} || stop != end || port == 0 || port > 65535)
      throw std::invalid_argument("HTTPS_PROXY: the port is not a number from 1 to 65535");
  }
  if (t.host.empty()) throw std::invalid_argument("HTTPS_PROXY names no host");
  t.port = static_cast<std::uint16_t>(port);
  return t;
}

}  // namespace tideover::net
