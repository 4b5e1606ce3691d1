// Addresses, URLs and kinds of hosts; the other half of values.hpp.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

#include "tideover/config/values.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/core/ip_kind.hpp"

namespace tideover::config {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), to_lower);
  return result;
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  unsigned number = 0;
  if (text.empty() || text.size() > 5) return std::nullopt;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || end != text.data() + text.size() || number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(number);
}

std::optional<std::array<unsigned char, 4>> ipv4(const std::string& text) {
  std::array<unsigned char, 4> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) != 1) return std::nullopt;
  return bytes;
}

std::optional<std::array<unsigned char, 16>> ipv6(const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return std::nullopt;
  return bytes;
}

host_kind kind_of(std::span<const unsigned char> address) {
  switch (kind_of_ip(address)) {
    case ip_kind::loopback: return host_kind::loopback;
    case ip_kind::unspecified: return host_kind::unspecified;
    case ip_kind::link_local:
    case ip_kind::private_net: return host_kind::private_net;
    case ip_kind::public_net: break;
  }
  return host_kind::public_net;
}

bool ends_in_a_number(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  const auto dot = name.rfind('.');
  const auto last = dot == std::string_view::npos ? name : name.substr(dot + 1);
  if (last.empty()) return false;
  if (last.starts_with("0x") || last.starts_with("0X")) return true;
  return std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

host_kind kind_of_host(std::string_view host) {
  const std::string text = lower(host);
  if (text.find('\0') != std::string::npos) return host_kind::name;
  if (const auto four = ipv4(text)) return kind_of(*four);
  if (const auto six = ipv6(text)) return kind_of(*six);
  if (text == "localhost" || text.ends_with(".localhost")) return host_kind::loopback;
  return host_kind::name;
}

bool is_host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253 || ends_in_a_number(text)) return false;
  std::size_t label = 0;
  char before = '.';
  for (char c : text) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (c == '.') {
      if (before == '.' || before == '-') return false;
      label = 0;
    } else if (word || (c == '-' && before != '.')) {
      if (++label > 63) return false;
    } else {
      return false;
    }
    before = c;
  }
  return before != '-';
}

parsed<address> parse_address(std::string_view text) {
  using out = parsed<address>;
  constexpr auto shape = "is not an address: write HOST:PORT, such as 127.0.0.1:6837 or [::1]:6837";
  const auto colon = text.rfind(':');
  if (text.find("://") != std::string_view::npos)
    return out::bad("is a URL, but an address is wanted: write HOST:PORT, such as 127.0.0.1:6837");
  if (colon == std::string_view::npos) return out::bad(shape);
  std::string_view host = text.substr(0, colon);
  if (host.empty() || host == "*")
    return out::bad("names no host: write 127.0.0.1:PORT for this machine only, 0.0.0.0:PORT for every network");
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const std::string plain = lower(host);
  if (plain.find('\0') != std::string::npos) return out::bad(shape);
  if (bracketed ? !ipv6(plain) : plain.find(':') != std::string::npos)
    return out::bad("is not an address: an IPv6 address stands in brackets, such as [::1]:6837");
  if (!bracketed && !ipv4(plain) && !is_host_name(plain)) return out::bad(shape);
  const auto port = port_number(text.substr(colon + 1));
  if (!port) return out::bad("has no valid port: write a number from 0 (any free port) to 65535 after the colon");
  return out::good({plain, *port});
}

std::string to_string(const address& at) {
  const bool six = at.host.find(':') != std::string::npos;
  return (six ? "[" + at.host + "]" : at.host) + ":" + std::to_string(at.port);
}

parsed<url_reading> parse_url(std::string_view text) {
  using out = parsed<url_reading>;
  if (text.find("://") == std::string_view::npos)
    return out::bad("is not a URL: write it with its scheme, such as https://api.openai.com or http://127.0.0.1:11434");
  const auto parts = boost::urls::parse_uri({text.data(), text.size()});
  if (!parts) return out::bad("is not a valid URL: write SCHEME://HOST[:PORT][/PATH], such as https://api.openai.com");
  if (parts->has_userinfo())
    return out::bad(
        "holds a user name or password: remove it and put the key into `credential`, such as "
        "{env: OPENAI_API_KEY}");
  url_reading result;
  if (parts->scheme_id() == boost::urls::scheme::https) {
    result.where.tls = true;
  } else if (parts->scheme_id() != boost::urls::scheme::http) {
    return out::bad("has a scheme that is not supported: write http:// or https://");
  }
  if (parts->has_query() || parts->has_fragment())
    return out::bad("ends in a query or fragment: remove everything from the `?` or `#` on");
  switch (parts->host_type()) {
    case boost::urls::host_type::ipv4:
    case boost::urls::host_type::ipv6: {
      const auto literal = parts->host_address();
      result.where.host = lower(std::string_view(literal.data(), literal.size()));
      break;
    }
    case boost::urls::host_type::name: {
      const auto name = parts->encoded_host();
      result.where.host = lower(std::string_view(name.data(), name.size()));
      if (!is_host_name(result.where.host))
        return out::bad("names no valid host: write a host name or an IP address after `//`");
      break;
    }
    default: return out::bad("names no host: write a host name or an IP address after `//`");
  }
  result.where.port = result.where.tls ? 443 : 80;
  if (parts->has_port()) {
    const auto digits = parts->port();
    const auto port = port_number(std::string_view(digits.data(), digits.size()));
    if (!port || *port == 0) return out::bad("has no valid port: write a number from 1 to 65535 after the colon");
    result.where.port = *port;
  }
  const auto path = parts->encoded_path();
  std::string_view base(path.data(), path.size());
  while (base.ends_with('/')) base.remove_suffix(1);
  if (base == "/v1" || base.ends_with("/v1")) {
    result.v1_dropped = true;
    base.remove_suffix(3);
  }
  while (base.ends_with('/')) base.remove_suffix(1);
  if (base.find("..") != std::string_view::npos || base.find("//") != std::string_view::npos)
    return out::bad("has a path with `..` or `//` in it: write the path as the server knows it");
  result.where.base_path = base;
  return out::good(std::move(result));
}

parsed<std::string> parse_origin(std::string_view text) {
  using out = parsed<std::string>;
  constexpr auto shape = "is not an origin: write SCHEME://HOST[:PORT], such as https://chat.example.com";
  if (text == "*") return out::bad("would let every web page in: name the origins of the pages that may call");
  if (text == "null") return out::bad("stands for pages without an origin, which cannot be told apart: serve the page");
  auto const mark = text.find("://");
  if (mark == std::string_view::npos || mark == 0) return out::bad(shape);
  auto const scheme = lower(text.substr(0, mark));
  bool const good_scheme =
      scheme.front() >= 'a' && scheme.front() <= 'z' && std::all_of(scheme.begin(), scheme.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
      });
  if (!good_scheme) return out::bad(shape);
  auto authority = text.substr(mark + 3);
  if (authority.find('@') != std::string_view::npos) return out::bad("names a user: an origin has none");
  if (authority.find_first_of("/?#") != std::string_view::npos)
    return out::bad("has a path: an origin ends after the host or its port, without a slash");
  if (authority.find('*') != std::string_view::npos) return out::bad("has a wildcard: name each origin that may call");
  std::string_view port;
  auto host = authority;
  if (authority.starts_with('[')) {
    auto const bracket = authority.find(']');
    if (bracket == std::string_view::npos) return out::bad(shape);
    host = authority.substr(0, bracket + 1);
    if (!ipv6(lower(host.substr(1, host.size() - 2)))) return out::bad(shape);
    auto const rest = authority.substr(bracket + 1);
    if (!rest.empty() && rest.front() != ':') return out::bad(shape);
    if (!rest.empty()) port = rest.substr(1);
    if (!rest.empty() && port.empty()) return out::bad(shape);
  } else {
    if (auto const colon = authority.find(':'); colon != std::string_view::npos) {
      host = authority.substr(0, colon);
      port = authority.substr(colon + 1);
      if (port.empty()) return out::bad(shape);
    }
    if (!ipv4(std::string(host)) && !is_host_name(host)) return out::bad(shape);
  }
  std::string origin = scheme + "://" + lower(host);
  if (port.empty()) return out::good(std::move(origin));
  auto const number = port_number(port);
  if (!number || *number == 0) return out::bad("has no port from 1 to 65535 after the colon");
  bool const usual = (scheme == "http" && *number == 80) || (scheme == "https" && *number == 443);
  if (!usual) origin += ":" + std::to_string(*number);
  return out::good(std::move(origin));
}

parsed<url_reading> parse_ollama_host(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '"' || c == '\''; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  // Without a scheme Ollama means its own port, with one that scheme's.
  std::string scheme = "http";
  std::string default_port = "11434";
  if (const auto mark = text.find("://"); mark != std::string_view::npos) {
    scheme = lower(text.substr(0, mark));
    default_port = scheme == "https" ? "443" : "80";
    text.remove_prefix(mark + 3);
  }
  const auto slash = text.find('/');
  std::string authority(text.substr(0, slash));
  const std::string path(slash == std::string_view::npos ? std::string_view{} : text.substr(slash));
  std::string host = authority;
  std::string port = default_port;
  if (ipv6(lower(authority))) {
    host = "[" + authority + "]";  // `::1` without brackets and therefore without a port
  } else if (const auto colon = authority.rfind(':');
             colon != std::string::npos && authority.find(']', colon) == std::string::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
  }
  if (host.empty() || kind_of_host(host) == host_kind::unspecified) host = "127.0.0.1";
  if (host.front() == '[' && host.back() == ']' &&
      kind_of_host(std::string_view(host).substr(1, host.size() - 2)) == host_kind::unspecified)
    host = "[::1]";
  auto result = parse_url(scheme + "://" + host + ":" + port + path);
  if (!result && result.error.find("is not a") == 0)
    result.error = "is not HOST, HOST:PORT or a URL: write it as for Ollama, such as 127.0.0.1:11434";
  return result;
}

}  // namespace tideover::config
