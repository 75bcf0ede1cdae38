"""What Home Assistant's documentation lets stand in a device discovery document, as strict models.

Home Assistant itself takes keys that it does not know and ignores them, so that a mistyped one is not found there.
Only what a reader needs is here: no command topics, in particular.

Source: home-assistant.io documentation, pages "MQTT" (sections "Device discovery payload", "Using availability topics"
and "Supported abbreviations"), "MQTT Sensor", "MQTT binary sensor", "Sensor" and "Binary sensor" (device classes).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# "Supported abbreviations", those that a component of ours may have.
ABBREVIATIONS = {
    "p": "platform",
    "uniq_id": "unique_id",
    "def_ent_id": "default_entity_id",
    "stat_t": "state_topic",
    "val_tpl": "value_template",
    "exp_aft": "expire_after",
    "dev_cla": "device_class",
    "ent_cat": "entity_category",
}

Topic = Annotated[str, Field(min_length=1, max_length=65_535, pattern=r"^[^+#\x00]+$")]
Text = Annotated[str, Field(min_length=1)]
Qos = Literal[0, 1, 2]


class Documented(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Device(Documented):
    identifiers: list[Text] = Field(min_length=1)
    name: Text
    manufacturer: Text | None = None
    model: Text | None = None
    model_id: Text | None = None
    hw_version: Text | None = None
    sw_version: Text | None = None
    serial_number: Text | None = None
    suggested_area: Text | None = None


class Origin(Documented):
    name: Text
    sw_version: Text | None = None
    support_url: Text | None = None


class Availability(Documented):
    topic: Topic
    payload_available: str = "online"
    payload_not_available: str = "offline"
    value_template: Text | None = None


class WithAvailability(Documented):
    availability: list[Availability] = []
    availability_mode: Literal["all", "any", "latest"] = "latest"

    @model_validator(mode="after")
    def _each_topic_once(self) -> "WithAvailability":
        # They are kept by topic: of two entries with the same one the first is lost.
        topics = [each.topic for each in self.availability]
        if len(topics) != len(set(topics)):
            raise ValueError("an availability topic stands there twice")
        return self


class Component(WithAvailability):
    name: Text
    unique_id: Text
    default_entity_id: str = Field(pattern=r"^(sensor|binary_sensor)\.[a-z0-9_]+$", max_length=255)
    state_topic: Topic | None = None
    value_template: Text
    expire_after: int = Field(gt=0)
    qos: Qos
    json_attributes_topic: Topic | None = None
    json_attributes_template: Text | None = None
    entity_category: Literal["diagnostic"] | None = None
    icon: str | None = Field(default=None, pattern=r"^mdi:[a-z0-9-]+$")
    enabled_by_default: bool = True


class Sensor(Component):
    platform: Literal["sensor"]
    device_class: Literal["enum", "temperature"] | None = None
    state_class: Literal["measurement", "total", "total_increasing"] | None = None
    unit_of_measurement: Text | None = None
    suggested_display_precision: int | None = Field(default=None, ge=0)
    options: list[Text] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _as_documented(self) -> "Sensor":
        if (self.options is not None) != (self.device_class == "enum"):
            raise ValueError("options and device class enum belong together")
        if self.options is not None and (self.state_class or self.unit_of_measurement):
            raise ValueError("options with a state class or a unit")
        if self.device_class == "temperature" and self.unit_of_measurement not in ("°C", "°F", "K"):
            raise ValueError("not a unit of temperature")
        return self


class BinarySensor(Component):
    platform: Literal["binary_sensor"]
    device_class: Literal["power", "problem", "connectivity"] | None = None
    payload_on: str = "ON"
    payload_off: str = "OFF"
    off_delay: int | None = Field(default=None, gt=0)


class Gone(Documented):
    """A component that is to be forgotten."""

    platform: Literal["sensor", "binary_sensor"]


class Removal(Documented):
    device: Device
    origin: Origin
    components: dict[str, Gone]


class Document(WithAvailability):
    """The device discovery payload. ``state_topic`` is for each component that has none."""

    device: Device
    origin: Origin
    state_topic: Topic | None = None
    components: dict[str, Annotated[Sensor | BinarySensor, Field(discriminator="platform")]]
