"""Sentences in languages other than the novels'."""

FRENCH = (
    "Le vieil homme descendit vers la rivière avec sa lampe et regarda longtemps l'eau noire qui passait sous le pont. "
    "Il n'y avait personne dans la rue, et les maisons étaient toutes fermées depuis que la pluie avait commencé. "
    "Je ne sais pas ce que vous voulez, dit-il à voix basse, mais je vous prie de partir avant la nuit. "
    "Elle ne répondit rien, car elle avait peur de lui et de ce qu'il allait faire avec la lettre de son frère."
)
GERMAN = (
    "Der alte Mann ging mit seiner Lampe zum Fluss hinunter und sah lange auf das Wasser, das unter der Brücke floss. "
    "Es war niemand auf der Straße, und alle Häuser waren geschlossen, seit der Regen angefangen hatte. "
    "Ich weiß nicht, was Sie wollen, sagte er leise, aber ich bitte Sie, vor der Nacht wieder zu gehen. "
    "Sie antwortete nicht, denn sie hatte Angst vor ihm und vor dem, was er mit dem Brief ihres Bruders tun würde."
)
SPANISH = (
    "El viejo bajó al río con su lámpara y miró durante mucho tiempo el agua que pasaba por debajo del puente. "
    "No había nadie en la calle, y todas las casas estaban cerradas desde que la lluvia había empezado a caer. "
    "No sé lo que usted quiere, dijo en voz baja, pero le ruego que se vaya de aquí antes de la noche. "
    "Ella no le contestó nada, porque tenía miedo de él y de lo que iba a hacer con la carta de su hermano."
)
RUSSIAN = (
    "Старик спустился к реке с лампой и долго смотрел на чёрную воду, которая текла под мостом. "
    "На улице никого не было, и все дома были закрыты с тех пор, как начался дождь. "
    "Я не знаю, что вам нужно, сказал он тихо, но я прошу вас уйти до ночи. "
    "Она ничего не ответила, потому что боялась его и того, что он сделает с письмом её брата."
)
LATIN = (
    "Senex cum lucerna ad flumen descendit et diu aquam nigram sub ponte fluentem spectavit. Nemo erat in via, et omnes"
    " domus clausae erant, cum pluvia iam cecidisset. Nescio quid velitis, inquit, sed vos oro ut ante noctem abeatis."
    " Illa nihil respondit, nam eum timebat et quae ille de epistula fratris eius facturus esset, atque in domum suam"
    " rediit nec quisquam eam ab eo tempore vidit, neque enim ex ea domo umquam est egressa."
)
