-- Adminer 4.8.1 MySQL 5.7.44 dump

SET NAMES utf8;
SET time_zone = '+00:00';
SET foreign_key_checks = 0;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';

SET NAMES utf8mb4;

INSERT INTO `wxminiprograms` (`id`, `uid`, `nick_name`, `is_show`, `func_info`, `miniprograminfo`, `authorizer_appid`, `authorizer_access_token`, `authorizer_expires`, `authorizer_refresh_token`, `create_time`) VALUES
(1,	7,	'It''s "tea" \\ 😀; a
line',	1,	'[17,18]',	'{"network":{}}',	'wx00000000000000a1',	'49_teateateateateateateatea',	1600000000,	'refreshtoken@@@tea',	'2020-01-02 03:04:05'),
(2,	8,	'shop',	0,	'[{"funcscope_category":{"id":1}}]',	NULL,	'wx00000000000000a2',	NULL,	0,	NULL,	'0000-00-00 00:00:00');

INSERT INTO `wxminiprogram_audit` (`id`, `appid`, `auditid`, `status`, `reason`, `create_time`) VALUES
(11,	'wx00000000000000a1',	1001,	1,	'1: the button<br>2: does nothing',	1600000000),
(12,	'wx00000000000000a1',	1002,	2,	'',	1600000100);

-- 2024-05-06 07:08:09
