#include "json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

namespace atomsmith::json {

namespace {

constexpr int kMaxDepth = 64;

void append_utf8(unsigned code, std::string& out) {
    if (code < 0x80) {
        out += static_cast<char>(code);
        return;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    const unsigned lead[] = {0, 0xC0, 0xE0, 0xF0};
    out += static_cast<char>(lead[more] | (code >> (6 * more)));
    for (int k = more - 1; k >= 0; --k) out += static_cast<char>(0x80 | ((code >> (6 * k)) & 0x3F));
}

class Reader {
public:
    explicit Reader(std::string_view text) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

    Value document() {
        Value value = any(0);
        finish();
        return value;
    }

    std::vector<std::pair<std::string, std::string_view>> top_members() {
        std::vector<std::pair<std::string, std::string_view>> found;
        space();
        if (at_ == end_ || *at_ != '{') fail("an object was expected");
        entries('}', [&] {
            std::string key = member_name();
            space();
            const char* from = at_;
            skip(1);
            found.emplace_back(std::move(key), std::string_view(from, at_ - from));
        });
        finish();
        return found;
    }

private:
    [[noreturn]] void fail(const char* what) const {
        const auto line = 1 + std::count(begin_, std::min(at_, end_), '\n');
        throw std::invalid_argument("line " + std::to_string(line) + ", character " +
                                    std::to_string(at_ - begin_ + 1) + ": " +
                                    (at_ == end_ ? "the file ends too early" : what));
    }

    void space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }

    void finish() {
        space();
        if (at_ != end_) fail("there is more after the end");
    }

    void expect(char c) {
        space();
        if (at_ == end_ || *at_ != c) fail("a comma, colon or bracket is missing");
        ++at_;
    }

    // Calls entry() for each of the comma-separated entries of an array or object.
    template <class Entry>
    void entries(char close, const Entry& entry) {
        ++at_;
        space();
        if (at_ != end_ && *at_ == close) {
            ++at_;
            return;
        }
        while (true) {
            entry();
            space();
            if (at_ != end_ && *at_ == close) break;
            expect(',');
        }
        ++at_;
    }

    std::string member_name() {
        space();
        if (at_ == end_ || *at_ != '"') fail("a name in quotes was expected");
        std::string key = string();
        expect(':');
        return key;
    }

    void word(std::string_view expected) {
        if (std::string_view(at_, end_ - at_).substr(0, expected.size()) != expected)
            fail("a value was expected");
        at_ += expected.size();
    }

    bool digits() {
        const char* from = at_;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
        return at_ != from;
    }

    double number() {
        const char* from = at_;
        if (*at_ == '-') ++at_;
        const bool zero = at_ != end_ && *at_ == '0';
        const char* first = at_;
        if (!digits() || (zero && at_ - first > 1)) fail("a value was expected");
        if (at_ != end_ && *at_ == '.') {
            ++at_;
            if (!digits()) fail("a number is malformed");
        }
        if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
            ++at_;
            if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
            if (!digits()) fail("a number is malformed");
        }
        double value = 0.0;
        const auto result = std::from_chars(from, at_, value);
        if (result.ec == std::errc::result_out_of_range) { // too small, which counts as zero, or too large
            value = std::strtod(std::string(from, at_).c_str(), nullptr);
            if (!std::isfinite(value)) fail("a number is too large");
        }
        return value;
    }

    unsigned code_unit() {
        unsigned code = 0;
        if (end_ - at_ < 4) {
            at_ = end_;
            fail("a character's code is malformed");
        }
        const auto result = std::from_chars(at_, at_ + 4, code, 16);
        if (result.ptr != at_ + 4) fail("a character's code is malformed");
        at_ += 4;
        return code;
    }

    void escape(std::string& out) {
        constexpr std::string_view names = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
        if (at_ == end_) fail("a string has no end");
        const char c = *at_++;
        if (const auto k = names.find(c); k != names.npos) {
            out += meant[k];
            return;
        }
        if (c != 'u') fail("an escape in a string is unknown");
        unsigned code = code_unit();
        if (code >= 0xD800 && code < 0xDC00) {
            if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u')
                fail("a character's second half is missing");
            at_ += 2;
            const unsigned low = code_unit();
            if (low < 0xDC00 || low > 0xDFFF) fail("a character's second half is missing");
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(code, out);
    }

    std::string string() {
        std::string out;
        ++at_;
        while (true) {
            if (at_ == end_) fail("a string has no end");
            const char c = *at_++;
            if (c == '"') return out;
            if (static_cast<unsigned char>(c) < 0x20) fail("a string holds a control character");
            if (c == '\\')
                escape(out);
            else
                out += c;
        }
    }

    Value any(int depth) {
        if (depth > kMaxDepth) fail("values are nested too deeply");
        space();
        if (at_ == end_) fail("a value was expected");
        Value value;
        switch (*at_) {
        case '{':
            value.kind = Value::Kind::kObject;
            entries('}', [&] {
                std::string key = member_name();
                if (value.find(key)) fail("a name stands twice in one object");
                value.members.emplace_back(std::move(key), any(depth + 1));
            });
            return value;
        case '[':
            return array(depth);
        case '"':
            value.kind = Value::Kind::kString;
            value.text = string();
            return value;
        case 't':
        case 'f':
            value.kind = Value::Kind::kBoolean;
            value.boolean = *at_ == 't';
            word(value.boolean ? "true" : "false");
            return value;
        case 'n':
            word("null");
            return value;
        default:
            value.kind = Value::Kind::kNumber;
            value.number = number();
            return value;
        }
    }

    Value array(int depth) {
        Value value;
        value.kind = Value::Kind::kNumbers;
        entries(']', [&] {
            space();
            const bool numeric = at_ != end_ && (*at_ == '-' || (*at_ >= '0' && *at_ <= '9'));
            if (numeric && value.kind == Value::Kind::kNumbers) {
                value.numbers.push_back(number());
                return;
            }
            if (value.kind == Value::Kind::kNumbers) {
                value.kind = Value::Kind::kArray;
                for (const double number : value.numbers) {
                    value.items.emplace_back();
                    value.items.back().kind = Value::Kind::kNumber;
                    value.items.back().number = number;
                }
                value.numbers.clear();
            }
            value.items.push_back(any(depth + 1));
        });
        return value;
    }

    void skip(int depth) {
        if (depth > kMaxDepth) fail("values are nested too deeply");
        space();
        if (at_ == end_) fail("a value was expected");
        if (*at_ == '{')
            entries('}', [&] {
                member_name();
                skip(depth + 1);
            });
        else if (*at_ == '[')
            entries(']', [&] { skip(depth + 1); });
        else
            any(depth);
    }

    const char* begin_;
    const char* at_;
    const char* end_;
};

} // namespace

const Value* Value::find(std::string_view key) const {
    for (const auto& member : members)
        if (member.first == key) return &member.second;
    return nullptr;
}

Value parse(std::string_view text) { return Reader(text).document(); }

std::vector<std::pair<std::string, std::string_view>> members(std::string_view text) {
    return Reader(text).top_members();
}

} // namespace atomsmith::json
