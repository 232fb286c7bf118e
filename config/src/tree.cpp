#include "config/tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "trunkline/protocol/utf8.hpp"

namespace trunkline::config {

namespace {

using Kind = YamlValue::Kind;

/// Leaves the parser from inside an event; caught by parse_yaml.
struct Refused {
    Where where;
    std::string found;
    std::string expected;
};

Where to_where(const YAML::Mark& mark) { return {{}, mark.line + 1, mark.column + 1}; }

struct Weight {
    std::size_t nodes = 0;
    std::size_t bytes = 0;
};

void weigh(const YamlValue& value, Weight& weight) {
    ++weight.nodes;
    weight.bytes += value.text.size() + value.key.size();
    for (const auto& child : value.children) weigh(child, weight);
}

/// Builds the tree from the parser's events. YAML::Node is not used because it hides what we must report: duplicate
/// keys, the place of an alias, whether a scalar was quoted; and because its aliases defy a limit.
class Builder final : public YAML::EventHandler {
  public:
    YamlValue take_root() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        YamlValue value;
        value.where = to_where(mark);
        charge({1, 0}, value.where);
        finish(std::move(value), anchor);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override {
        YamlValue value;
        value.kind = Kind::scalar;
        value.where = to_where(mark);
        value.quoted = tag == "!";
        refuse_tag(tag, value.where);
        charge({1, text.size()}, value.where);
        value.text = text;
        finish(std::move(value), anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const Where where = to_where(mark);
        const auto it = anchors_.find(anchor);
        if (it == anchors_.end()) throw Refused{where, "an alias inside its own anchor", "no cycle"};
        Weight weight;
        weigh(it->second, weight);
        charge(weight, where);
        YamlValue copy = it->second;
        copy.where = where;
        add(std::move(copy));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(Kind::list, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(Kind::map, mark, tag, anchor);
    }
    void OnMapEnd() override { close(); }

  private:
    struct Open {
        YamlValue value;
        YAML::anchor_t anchor;
        std::optional<YamlValue> key;  // of a map: read, its value is next
    };

    static void refuse_tag(const std::string& tag, const Where& where) {
        if (!tag.empty() && tag != "?" && tag != "!") throw Refused{where, "the tag " + quote(tag), "no tags"};
    }

    void charge(const Weight& weight, const Where& where) {
        weight_.nodes += weight.nodes;
        weight_.bytes += weight.bytes;
        if (weight_.nodes > kMaxNodes)
            throw Refused{where, "too much", "at most " + std::to_string(kMaxNodes) + " values, aliases expanded"};
        if (weight_.bytes > kMaxExpandedBytes)
            throw Refused{where, "too much",
                          "at most " + std::to_string(kMaxExpandedBytes) + " bytes of text, aliases expanded"};
    }

    void open(Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        YamlValue value;
        value.kind = kind;
        value.where = to_where(mark);
        refuse_tag(tag, value.where);
        charge({1, 0}, value.where);
        if (open_.size() == kMaxDepth)
            throw Refused{value.where, "too deep nesting", "at most " + std::to_string(kMaxDepth) + " levels"};
        open_.push_back({std::move(value), anchor, std::nullopt});
    }

    void close() {
        Open top = std::move(open_.back());
        open_.pop_back();
        finish(std::move(top.value), top.anchor);
    }

    void finish(YamlValue value, YAML::anchor_t anchor) {
        if (anchor != 0) {
            Weight weight;
            weigh(value, weight);
            charge(weight, value.where);
            anchors_[anchor] = value;
        }
        add(std::move(value));
    }

    void add(YamlValue value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return;
        }
        Open& top = open_.back();
        if (top.value.kind == Kind::map) {
            if (!top.key) {
                if (value.kind != Kind::scalar)
                    throw Refused{value.where, value.kind == Kind::null ? "nothing as a key" : "a list or map as a key",
                                  "a name"};
                top.key = std::move(value);
                return;
            }
            value.key = std::move(top.key->text);
            value.key_where = std::move(top.key->where);
            // The parser's mark of nothing is that of whatever comes next.
            if (value.kind == Kind::null) value.where = value.key_where;
            top.key.reset();
        }
        top.value.children.push_back(std::move(value));
    }

    YamlValue root_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, YamlValue> anchors_;
    Weight weight_;
};

/// What stands in `text` and in no text file, and where; the parser would put something else in its place, or stop
/// somewhere behind it.
std::optional<Problem> find_bad_byte(const std::string& text, const std::string& source) {
    protocol::Utf8Validator utf8;
    Where where{{}, 1, 0};
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (utf8.is_complete()) ++where.column;  // else it is inside a character
        if (!utf8.feed({&c, 1}))
            return Problem{source, where.line, where.column, "", "bytes that are not UTF-8", "UTF-8 text"};
        if ((byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f)
            return Problem{source, where.line, where.column, "", "a control character", "UTF-8 text"};
        if (c == '\n') where = {{}, where.line + 1, 0};
    }
    if (utf8.is_complete()) return std::nullopt;
    return Problem{source, where.line, where.column, "", "bytes that are not UTF-8", "UTF-8 text"};
}

/// Whether the indentation of a line, counted from 0, has a tab: YAML allows none, and the parser's words for it vary.
bool is_indented_by_tab(const std::string& text, int line) {
    std::size_t begin = 0;
    for (; line > 0; --line) {
        begin = text.find('\n', begin);
        if (begin == std::string::npos) return false;
        ++begin;
    }
    const std::size_t end = text.find_first_not_of(" \t", begin);
    return text.substr(begin, end == std::string::npos ? end : end - begin).find('\t') != std::string::npos;
}

}  // namespace

YamlValue parse_yaml(const std::string& text, const std::string& source, std::vector<Problem>& problems) {
    if (text.size() > kMaxFileBytes) {
        const std::string most = std::to_string(kMaxFileBytes) + " bytes";
        problems.push_back({source, 0, 0, "", "more than " + most, "a configuration of at most " + most});
        return {};
    }
    if (auto problem = find_bad_byte(text, source)) {
        problems.push_back(*std::move(problem));
        return {};
    }
    try {
        std::istringstream stream(text);
        YAML::Parser parser(stream);
        Builder builder;
        if (!parser.HandleNextDocument(builder)) return {};
        Builder second;
        if (parser.HandleNextDocument(second)) {
            const Where where = second.take_root().where;
            problems.push_back({source, where.line, where.column, "", "a second document", "one"});
            return {};
        }
        return builder.take_root();
    } catch (const Refused& refused) {
        problems.push_back({source, refused.where.line, refused.where.column, "", refused.found, refused.expected});
    } catch (const YAML::Exception& error) {
        // A missing mark is -1: then the document as a whole.
        const int line = error.mark.is_null() ? 0 : error.mark.line + 1;
        const bool has_tab = line > 0 && is_indented_by_tab(text, error.mark.line);
        problems.push_back({source, line, error.mark.is_null() ? 0 : error.mark.column + 1, "",
                            "bad YAML (" + error.msg + ")",
                            has_tab ? "well-formed YAML, indented with spaces, not tabs" : "well-formed YAML"});
    } catch (const std::exception& error) {
        problems.push_back({source, 0, 0, "", std::string("bad YAML (") + error.what() + ")", "well-formed YAML"});
    }
    return {};
}

}  // namespace trunkline::config
