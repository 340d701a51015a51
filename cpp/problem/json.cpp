#include "problem/json.hpp"

#include <charconv>
#include <set>

#include "core/check.hpp"

namespace mbrl {
namespace {

constexpr int kMaxDepth = 32;

/// Watches the parser: the document model alone would let the last of two equal keys win, silently.
class Watch {
 public:
    explicit Watch(std::string what) : what_(std::move(what)) {}
    bool operator()(int depth, Json::parse_event_t event, Json& value) {
        check(depth <= kMaxDepth, what_, ": JSON must be at most ", kMaxDepth, " levels deep");
        if (event == Json::parse_event_t::object_start) keys_.emplace_back();
        if (event == Json::parse_event_t::object_end) keys_.pop_back();
        if (event == Json::parse_event_t::key)
            check(keys_.back().insert(value.get<std::string>()).second, what_, ": key '", value.get<std::string>(),
                  "' appears twice");
        return true;
    }

 private:
    std::string what_;
    std::vector<std::set<std::string>> keys_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& what) {
    // The parser would skip the one and stop at the other; the safetensors package refuses such files.
    check(text.find('\0') == std::string_view::npos, what, ": JSON must not hold a zero byte");
    check(!text.starts_with("\xEF\xBB\xBF"), what, ": JSON must not begin with a byte order mark");
    try {
        return Json::parse(text.begin(), text.end(), Watch(what));
    } catch (const Json::exception& error) {
        fail(what, ": not valid JSON (", error.what(), ")");
    }
}

Field Field::operator[](const char* key) const {
    check(value_.is_object(), path_, " must be an object");
    const auto found = value_.find(key);
    check(found != value_.end(), path_, " has no field '", key, "'");
    return {*found, path_ + "." + key};
}

Field Field::at(std::size_t index) const {
    check(value_.is_array() && index < value_.size(), path_, " must have an element ", index);
    return {value_[index], path_ + "[" + std::to_string(index) + "]"};
}

std::size_t Field::size() const {
    check(value_.is_array(), path_, " must be a list");
    return value_.size();
}

const Json& Field::object() const {
    check(value_.is_object(), path_, " must be an object");
    return value_;
}

std::int64_t Field::integer(std::int64_t low, std::int64_t high) const {
    check(value_.is_number_integer(), path_, " must be an integer");
    // Only a literal with a sign is parsed as signed: "-0" is no integer to other readers of the same file.
    check(value_.is_number_unsigned() || value_.get<std::int64_t>() != 0, path_, " must be an integer, got -0");
    check(!value_.is_number_unsigned() || value_.get<std::uint64_t>() <= std::uint64_t(INT64_MAX), path_, " must be in ", low, "..",
          high);
    const auto number = value_.get<std::int64_t>();
    check(number >= low && number <= high, path_, " must be in ", low, "..", high, ", got ", number);
    return number;
}

bool Field::boolean() const {
    check(value_.is_boolean(), path_, " must be true or false");
    return value_.get<bool>();
}

std::string Field::string() const {
    check(value_.is_string(), path_, " must be a string");
    return value_.get<std::string>();
}

double Field::hex_float() const {
    const std::string text = string();
    std::string_view rest = text;
    const bool negative = !rest.empty() && rest.front() == '-';
    if (negative) rest.remove_prefix(1);
    if (rest == "inf") return negative ? -HUGE_VAL : HUGE_VAL;
    double number = 0;
    const bool prefixed = rest.substr(0, 2) == "0x";
    if (prefixed) rest.remove_prefix(2);
    const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::hex);
    check(prefixed && result.ec == std::errc{} && result.ptr == rest.data() + rest.size(), path_,
          " must be a hexadecimal float such as 0x1.8p+1, got '", text.substr(0, 40), "'");
    return negative ? -number : number;
}

std::vector<int> Field::integers(std::int64_t low, std::int64_t high) const {
    std::vector<int> numbers(size());
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(at(i).integer(low, high));
    return numbers;
}

}  // namespace mbrl
