// Images in requests: which ones a local server decodes.
#include <algorithm>

#include "reader.hpp"
#include "tideover/core/http_message.hpp"

namespace tideover::adapt::chat {
namespace {

bool starts_like(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

/// What the first bytes say, for data whose type nobody gave.
std::string_view sniffed_type(std::string_view data) {
  if (data.starts_with("iVBORw0KGgo")) return "image/png";
  if (data.starts_with("/9j/")) return "image/jpeg";
  if (data.starts_with("UklGR")) return "image/webp";
  return {};
}

std::string_view known_type(std::string_view type, std::string_view data) {
  if (type.empty() || iequals(type, "application/octet-stream")) return sniffed_type(data);
  if (iequals(type, "image/png")) return "image/png";
  if (iequals(type, "image/jpeg") || iequals(type, "image/jpg")) return "image/jpeg";
  if (iequals(type, "image/webp")) return "image/webp";
  return {};
}

/// Base64 as Go's decoder wants it: the standard alphabet, padded, no white space. Nothing when it is none.
std::optional<std::string> standard_base64(std::string_view data) {
  std::string out;
  out.reserve(data.size() + 3);
  for (char c : data) {
    if (c == '\r' || c == '\n' || c == ' ' || c == '\t') continue;
    if (c == '-') c = '+';
    if (c == '_') c = '/';
    bool const letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && c != '+' && c != '/' && c != '=') return std::nullopt;
    out += c;
  }
  while (!out.empty() && out.back() == '=') out.pop_back();
  if (out.empty() || out.find('=') != std::string::npos || out.size() % 4 == 1) return std::nullopt;
  while (out.size() % 4 != 0) out += '=';
  return out;
}

}  // namespace

bool add_image_data(reader& to, std::string_view type, std::string_view data, const std::string& field,
                    std::vector<part>& out) {
  auto encoded = standard_base64(data);
  if (!encoded)
    return to.refuse("unsupported_content", field, "The image's data is not base64; encode the image itself.");
  auto const known = known_type(type, *encoded);
  if (known.empty())
    return to.refuse("unsupported_content", field,
                     "The local server reads images of type PNG, JPEG or WebP only; convert the image.");
  out.push_back({{}, std::string(known), std::move(*encoded)});
  return true;
}

bool add_image_url(reader& to, std::string_view url, const std::string& field, std::vector<part>& out) {
  if (starts_like(url, "http://") || starts_like(url, "https://"))
    return to.refuse("unsupported_content", field,
                     "The local server does not fetch images from the web; send the image itself as a base64 data "
                     "URI.");
  auto const comma = url.find(',');
  auto const head = url.substr(0, comma);
  constexpr std::string_view scheme = "data:";
  constexpr std::string_view encoding = ";base64";
  if (comma == std::string_view::npos || !starts_like(head, scheme) || head.size() < scheme.size() + encoding.size() ||
      !iequals(head.substr(head.size() - encoding.size()), encoding))
    return to.refuse("unsupported_content", field,
                     "The local server reads images as base64 data URIs of type PNG, JPEG or WebP only; convert the "
                     "image.");
  auto const type = head.substr(scheme.size());
  return add_image_data(to, type.substr(0, type.find(';')), url.substr(comma + 1), field, out);
}

}  // namespace tideover::adapt::chat
