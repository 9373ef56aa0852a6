"""The configuration file: TOML to frozen typed objects, with every problem reported at once by its key path."""

from __future__ import annotations

from gateway.config.alarms import AlarmsConfig, SmtpConfig
from gateway.config.canary import CanaryConfig
from gateway.config.fields import (
    CODE_LENGTH,
    DAY,
    MESSAGE_LIFETIME,
    OTP_LIFETIME,
    CountryRule,
    Duration,
    RateField,
    Tuple,
)
from gateway.config.file import Config, ConfigError, load
from gateway.config.limits import LimitsConfig, Mode, OptOutConfig
from gateway.config.retention import RetentionConfig
from gateway.config.sections import ApiConfig, GatewayConfig, MessagesConfig, ModemConfig, OtpConfig, RetriesConfig
from gateway.config.webhooks import GROUPS, KINDS, WebhookConfig

__all__ = [
    "AlarmsConfig",
    "SmtpConfig",
    "CODE_LENGTH",
    "DAY",
    "GROUPS",
    "KINDS",
    "MESSAGE_LIFETIME",
    "OTP_LIFETIME",
    "ApiConfig",
    "CanaryConfig",
    "Config",
    "ConfigError",
    "CountryRule",
    "Duration",
    "GatewayConfig",
    "LimitsConfig",
    "MessagesConfig",
    "Mode",
    "ModemConfig",
    "OptOutConfig",
    "OtpConfig",
    "RateField",
    "RetentionConfig",
    "RetriesConfig",
    "Tuple",
    "WebhookConfig",
    "load",
]
