"""The types of single values in the file: each checks itself, and knows how JSON Schema says it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from netwright.errors import InvalidValue
from netwright.model.address import parse_cidr, parse_ip, parse_prefix
from netwright.model.names import parse_ifname, parse_netns_name, parse_stack_name
from netwright.spec.policy_values import Peer, Service, parse_peer, parse_policy_name, parse_service
from netwright.spec.values import Listen, Ports, Target, parse_listen, parse_ports, parse_target


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


class OneOrList:
    """A list; one value of these types alone (texts, unless said) is read as a list of it."""

    def __init__(self, *types: type) -> None:
        self._types = types or (str,)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def listed(value: Any) -> Any:
            return [value] if isinstance(value, self._types) and not isinstance(value, bool) else value

        return core_schema.no_info_before_validator_function(listed, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        many = handler(schema)
        return {"anyOf": [many["items"], many]}


def _parsed(parse: Callable[[str], Any], kind: type) -> tuple[BeforeValidator, PlainSerializer]:
    def read(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidValue(f"a text is expected here, not {noun(value)}")
        return parse(str(value))

    return BeforeValidator(read), PlainSerializer(str)


def noun(value: Any) -> str:
    """What a YAML value is, in a user's words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    words = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "a mapping"}
    return next((word for kind, word in words.items() if isinstance(value, kind)), "this")


def _sysctl_key(text: str) -> str:
    if not re.fullmatch(r"net\.[a-z0-9_]+(\.[A-Za-z0-9_@/+-]+)+", text):
        raise InvalidValue(
            f"{text!r} is not a network sysctl",
            hint="they start with net., e.g. net.ipv4.conf.all.rp_filter; a dot in an interface's name is written /",
        )
    return text


def _sysctl_value(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        hint = f"write {int(value)}" if isinstance(value, bool) else None
        raise InvalidValue(f"a number or a text is expected here, not {noun(value)}", hint=hint)
    text = str(value)
    if not text or len(text) > 256 or (not text.isprintable() and "\t" not in text):
        raise InvalidValue("a sysctl's value is one line of 1 to 256 characters")
    return text


def _plain_text(value: Any) -> Any:
    """Docker's options and labels are texts; as in Compose, numbers and booleans may be written plainly."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise InvalidValue(f"a text is expected here, not {noun(value)}", hint="put it in quotes" if isinstance(value, float) else None)
    return value


def _mac(text: str) -> str:
    text = text.lower()
    if not re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", text):
        raise InvalidValue(f"{text!r} is not a MAC address", hint="six pairs of hexadecimal digits with colons, as in 02:00:00:00:00:02")
    if int(text[:2], 16) & 1:
        even = f"{int(text[:2], 16) & 0xFE:02x}{text[2:]}"
        raise InvalidValue(f"{text} is a multicast address, which no interface can have", hint=f"the first byte must be even, as in {even}")
    if text == "00:00:00:00:00:00":
        raise InvalidValue("an interface cannot have the MAC address 00:00:00:00:00:00")
    return text


def _pci(text: str) -> str:
    text = text.lower()
    if not re.fullmatch(r"([0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", text):
        raise InvalidValue(f"{text!r} is not a PCI address", hint="as lspci -D prints it: 0000:03:00.0")
    return text if text.count(":") == 2 else f"0000:{text}"


def _route_target(text: str) -> str:
    return text if text == "default" else parse_prefix(text)


def _subnet(text: str) -> str:
    if text in AUTO:
        return text
    if text.isalpha():
        raise InvalidValue(f"{text!r} is not a prefix", hint="auto4 and auto6 stand for one that is chosen")
    return parse_prefix(text)


def _gateway(text: str) -> str:
    return text if text == "none" else parse_ip(text)


def _name(text: str) -> str:
    if not text:
        raise InvalidValue("a name is missing: the key is empty")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", text):
        raise InvalidValue(f"{text!r} cannot be a name: up to 63 letters, digits and _ . -, starting with a letter, digit or _")
    return text


def _docker_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}", text):
        raise InvalidValue(f"{text!r} cannot be a container's name or id: letters, digits and _ . - only, starting with a letter or digit")
    return text


def _label(text: str) -> str:
    if not re.fullmatch(r"[^=\s]+(=.*)?", text):
        raise InvalidValue(f"{text!r} is not a label", hint="write KEY=VALUE, or KEY for any value")
    return text


def _domain(text: str) -> str:
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", label) for label in labels):
        raise InvalidValue(f"{text!r} is not a domain")
    return text


def _version(value: Any) -> Any:
    if value != 1 or isinstance(value, bool | float):
        shown = value if isinstance(value, int | str) and not isinstance(value, bool) and value != "1" else noun(value)
        raise InvalidValue(f"the language's version is the number 1, not {shown}", hint="write `version: 1`")
    return value


def _driver(value: Any) -> Any:
    if value == "vxlan":
        raise InvalidValue("the driver vxlan is not supported yet", hint="with managed_by: docker, overlay spans several hosts")
    return value


AUTO = {"auto4": 4, "auto6": 6}
"""In the place of a prefix: Netwright chooses one of this family."""

_IP = r"^[0-9a-fA-F:.]+$"
_CIDR = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"

VersionField = BeforeValidator(_version)
DriverField = BeforeValidator(_driver)
IfNameField = Annotated[str, AfterValidator(parse_ifname), _text(r"^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,14}$")]
NetnsNameField = Annotated[str, AfterValidator(parse_netns_name), _text(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$")]
StackNameField = Annotated[str, AfterValidator(parse_stack_name), _text(r"^[a-z0-9][a-z0-9-]{0,30}$")]
NameField = Annotated[str, AfterValidator(_name), _text(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$")]
DockerNameField = Annotated[str, AfterValidator(_docker_name), _text(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")]
LabelField = Annotated[str, AfterValidator(_label), _text(r"^[^=\s]+(=.*)?$")]
DomainField = Annotated[str, AfterValidator(_domain), _text(r"^[A-Za-z0-9_.-]{1,253}$")]
IpField = Annotated[str, AfterValidator(parse_ip), _text(_IP)]
CidrField = Annotated[str, AfterValidator(parse_cidr), _text(_CIDR)]
PrefixField = Annotated[str, AfterValidator(parse_prefix), _text(r"^[0-9a-fA-F:.]+(/[0-9]{1,3})?$")]
SubnetField = Annotated[str, AfterValidator(_subnet), _text(r"^(auto4|auto6|[0-9a-fA-F:.]+(/[0-9]{1,3})?)$")]
GatewayField = Annotated[str, AfterValidator(_gateway), _text(r"^(none|[0-9a-fA-F:.]+)$")]
RouteTargetField = Annotated[str, AfterValidator(_route_target), _text(r"^(default|[0-9a-fA-F:.]+(/[0-9]{1,3})?)$")]
MacField = Annotated[str, AfterValidator(_mac), _text(r"^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$")]
PciField = Annotated[str, AfterValidator(_pci), _text(r"^([0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]$")]
_PORTS = r"[0-9]{1,5}(-[0-9]{1,5})?"
_WHERE = r"(\[[0-9a-fA-F:.]+\]:|[A-Za-z0-9_.@+-]+:)?"
_PORT_NUMBER: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 65535}
LISTEN_PATTERN = rf"^{_WHERE}{_PORTS}(/(tcp|udp|sctp))?$"
SHORT_PATTERN = rf"^{_WHERE}{_PORTS}:{_PORTS}(/(tcp|udp|sctp))?$"
ListenField = Annotated[
    Listen, *_parsed(parse_listen, Listen), WithJsonSchema({"anyOf": [{"type": "string", "pattern": LISTEN_PATTERN}, _PORT_NUMBER]})
]
TargetField = Annotated[Target, *_parsed(parse_target, Target), _text(rf"^(\[[0-9a-fA-F:.]+\]|[^:\[\]]+):{_PORTS}$")]
PortsField = Annotated[
    Ports, *_parsed(parse_ports, Ports), WithJsonSchema({"anyOf": [{"type": "string", "pattern": f"^{_PORTS}$"}, _PORT_NUMBER]})
]
PolicyNameField = Annotated[str, AfterValidator(parse_policy_name), _text(r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$")]
PeerField = Annotated[Peer, *_parsed(parse_peer, Peer), _text(r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,254}|[0-9a-fA-F:.]+(/[0-9]{1,3})?)$")]
ServiceField = Annotated[
    Service,
    *_parsed(parse_service, Service),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": rf"^(icmp|{_PORTS}(/(tcp|udp|sctp))?)$"}, _PORT_NUMBER]}),
]
SysctlKey = Annotated[str, AfterValidator(_sysctl_key), _text(r"^net\.[a-z0-9_]+(\.[A-Za-z0-9_@/+-]+)+$")]
SysctlValue = Annotated[str, BeforeValidator(_sysctl_value), WithJsonSchema({"type": ["string", "integer"]})]
PlainText = Annotated[str, BeforeValidator(_plain_text), WithJsonSchema({"type": ["string", "integer", "boolean"]})]
MtuField = Annotated[int, Field(ge=68, le=65535, strict=True)]
