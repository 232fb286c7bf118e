"""The little YAML that configurations need: mappings, sequences, plain scalars."""


def _scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    return "'" + text.replace("'", "''") + "'" if not text or text[0] in "*&!%@`'\"#{}[],?|>-" or ": " in text else text


def to_yaml(value, indent=""):
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            if isinstance(item, (dict, list)) and item:
                lines += [f"{indent}{key}:", to_yaml(item, indent + "  ")]
            else:
                lines.append(f"{indent}{key}: {item if item in ({}, []) else _scalar(item)}")
        return "\n".join(lines)
    if isinstance(value, list):
        lines = []
        for item in value:
            text = to_yaml(item, indent + "  ") if isinstance(item, (dict, list)) else indent + "  " + _scalar(item)
            lines.append(indent + "- " + text[len(indent) + 2:])
        return "\n".join(lines)
    return indent + _scalar(value)
