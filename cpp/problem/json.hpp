// JSON with the rules that untrusted files need: bounded depth, no duplicate keys; and typed, checked access.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace mbrl {

using Json = nlohmann::json;

/// Parses `text`; `what` names it in the error sentence.
Json parse_json(std::string_view text, const std::string& what);

/// One JSON value and its path, so that every error names the field.
class Field {
 public:
    Field(const Json& value, std::string path) : value_(value), path_(std::move(path)) {}

    Field operator[](const char* key) const;
    Field at(std::size_t index) const;
    std::size_t size() const;  // of an array
    const Json& object() const;
    const std::string& path() const { return path_; }

    std::int64_t integer(std::int64_t low, std::int64_t high) const;
    bool boolean() const;
    std::string string() const;
    double hex_float() const;  // "0x1.8p+1", as Python's float.hex()
    std::vector<int> integers(std::int64_t low, std::int64_t high) const;

 private:
    const Json& value_;
    std::string path_;
};

}  // namespace mbrl
